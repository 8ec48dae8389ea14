"""What every loss term is: a sum over its own positions and the number that divides it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from torch import Tensor, device
from torch.nn.functional import linear

from trainable.data.collate import Targets
from trainable.data.records import Task
from trainable.model.head import Head, Normalised, normalised


@dataclass(frozen=True)
class TokenView:
    """The supervised positions of one batch: ``k`` tokens.

    What terms need of the logits is computed once for all of them, and most of it never for the whole vocabulary.

    Attributes:
        states: What enters the head of the model that is trained, of shape ``[k, width]``, in the head's type.
        head: The output layer.
        targets: Of the same positions.
        base_states: What enters the head of the base without its adapter, of the same shape and without a graph;
            ``None`` unless a used term needs its logits.

    """

    states: Tensor
    head: Head
    targets: Targets
    base_states: Tensor | None = None

    @property
    def device(self) -> device:
        """Where all of it lies."""
        return self.states.device

    @property
    def cross_entropies(self) -> Tensor:
        """Cross entropy of every token in nats, float32, of shape ``[k]``."""
        return self._normalised.cross_entropies

    @property
    def log_normalisers(self) -> Tensor:
        """Log of the sum of the exponentials of all logits of every token, float32, of shape ``[k]``."""
        return self._normalised.log_normalisers

    @property
    def is_right(self) -> Tensor:
        """Whether no token has a larger logit than the true one, bool, of shape ``[k]``."""
        return self._normalised.is_best

    @cached_property
    def mean_logits(self) -> Tensor:
        """Mean logit of every token, float32, of shape ``[k]``."""
        return self.states.float() @ self.head.mean

    @cached_property
    def digit_logits(self) -> Tensor:
        """Logits of the ten digits at every box digit, float32, of shape ``[d, 10]``."""
        return linear(self.states[self.targets.digit_rows], self.head.weight[self.targets.digit_ids]).float()

    def log_probabilities(self, mask: Tensor) -> Tensor:
        """Give the log probabilities of the whole vocabulary at some tokens, float32, of shape ``[m, vocabulary]``.

        Args:
            mask: Which tokens, bool, of shape ``[k]``.

        """
        return linear(self.states[mask], self.head.weight).float().log_softmax(dim=-1)

    def base_log_probabilities(self, mask: Tensor) -> Tensor:
        """Give the same of the base.

        Raises:
            ValueError: If the base's states are not there.

        """
        if self.base_states is None:
            raise ValueError("the KL term needs the base's states; ask for them where needs_base is set")
        return linear(self.base_states[mask], self.head.weight).float().log_softmax(dim=-1)

    @cached_property
    def _normalised(self) -> Normalised:
        return normalised(self.states, self.head, self.targets.labels)


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
