"""The batches of one optimizer step, and what the loss terms make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from spaces.mixture import TermName
from trainable.data.collate import Batch
from trainable.losses import Mixture, TermSum, TokenView


class Window:
    """Takes the batches of one optimizer step one after another.

    Every term is divided by its denominator over the whole window, so the gradient equals that of one large batch.

    Args:
        mixture: Sums the terms.
        batches: The step's, at least one.
        weights: Of the step.
        drawn: Rows of every batch, as indices into the training split, if they come from there.
        hear: Shown every batch's place in the window and its supervised positions.

    """

    def __init__(
        self,
        mixture: Mixture,
        batches: Sequence[Batch],
        *,
        weights: Mapping[TermName, float],
        drawn: Sequence[Sequence[int]] = (),
        hear: Callable[[int, TokenView], None] | None = None,
    ) -> None:
        self.weights = weights
        self.sums: dict[TermName, TermSum] = {}
        self._mixture, self._batches, self._drawn, self._hear = mixture, batches, drawn, hear
        self._denominators = mixture.denominators([batch.targets for batch in batches])
        self._place = 0

    @property
    def is_complete(self) -> bool:
        """Whether every batch was taken."""
        return self._place == len(self._batches)

    @property
    def batch(self) -> Batch:
        """The batch to take next."""
        return self._batches[self._place]

    @property
    def rows(self) -> Sequence[int]:
        """Rows of the batch to take next."""
        return self._drawn[self._place]

    @property
    def needs_base(self) -> bool:
        """Whether a used term compares with the base's own logits."""
        return self._mixture.needs_base

    def loss(self, view: TokenView) -> tuple[Tensor, dict[TermName, TermSum]]:
        """Give the share of the next batch in the step's loss, and what to ``add`` once it was back-propagated.

        Nothing is counted yet, so that a batch that did not fit into memory can be tried again.
        """
        if self._hear is not None:
            self._hear(self._place, view)
        return self._mixture.loss(view, denominators=self._denominators, weights=self.weights)

    def add(self, parts: Mapping[TermName, TermSum]) -> None:
        """Count a batch and go on to the next."""
        add_sums(self.sums, parts)
        self._place += 1


def add_sums(totals: dict[TermName, TermSum], parts: Mapping[TermName, TermSum]) -> None:
    """Add the sums of some batches to those of others, in place."""
    for name, part in parts.items():
        totals[name] = totals[name] + part if name in totals else part
