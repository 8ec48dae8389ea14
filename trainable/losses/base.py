"""What every loss term is: a sum over its own positions and the number that divides it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from trainable.data.collate import Targets


class LossTerm(ABC):
    """One term of the mixture.

    A term never divides: the mixture divides by the denominator summed over the whole accumulation window, so that
    accumulation changes neither the size nor the direction of the gradient.
    """

    @abstractmethod
    def count(self, targets: Targets) -> int:
        """Count the term's own positions: tokens, digits or boxes; known before the forward pass."""

    def denominator(self, targets: Targets) -> int:
        """Count what divides the term in the loss; its own positions unless it says otherwise."""
        return self.count(targets)

    @abstractmethod
    def total(self, logits: Tensor, targets: Targets) -> Tensor:
        """Sum the term over its positions.

        Args:
            logits: At the supervised positions, of shape ``[k, vocabulary]``, in any floating type.
            targets: Of the same ``k`` positions.

        Returns:
            A float32 scalar; with no position it is zero and still part of the graph.

        """
