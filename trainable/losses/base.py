"""What every loss term is: a sum over its own positions and the number that divides it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from trainable.data.collate import Targets
from trainable.data.records import Task


@dataclass(frozen=True)
class TokenView:
    """The supervised positions of one batch: ``k`` tokens.

    Attributes:
        logits: Of the model that is trained, of shape ``[k, vocabulary]``, in any floating type.
        targets: Of the same positions.
        base_logits: Of the base without its adapter, of the same shape and without a graph; ``None`` unless a used
            term needs them.

    """

    logits: Tensor
    targets: Targets
    base_logits: Tensor | None = None

    @cached_property
    def cross_entropies(self) -> Tensor:
        """Cross entropy of every token in nats, float32, of shape ``[k]``; computed once for all terms."""
        return cross_entropy(self.logits.float(), self.targets.labels, reduction="none")


class LossTerm(ABC):
    """One term of the mixture.

    A term never divides: the mixture divides by the denominator summed over the whole accumulation window, so that
    accumulation changes neither the size nor the direction of the gradient.
    """

    needs_base: ClassVar[bool] = False
    """Whether the term compares with the base's own logits, which cost a forward pass."""

    serves: ClassVar[Task | None] = "grounding"
    """The task whose answers the term measures; ``None`` for a regulariser, which no weighting moves."""

    @abstractmethod
    def count(self, targets: Targets) -> int:
        """Count the term's own positions: tokens, digits, numbers or boxes; known before the forward pass."""

    def denominator(self, targets: Targets) -> int:
        """Count what divides the term in the loss; its own positions unless it says otherwise."""
        return self.count(targets)

    @abstractmethod
    def total(self, view: TokenView) -> Tensor:
        """Sum the term over its positions.

        Returns:
            A float32 scalar; with no position it is zero and still part of the graph.

        """
