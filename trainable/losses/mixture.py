"""The weighted sum of loss terms over an accumulation window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spaces.mixture import MixtureConfig, TermName
from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView


@dataclass(frozen=True)
class TermSum:
    """A term over some positions: ``total / count`` is its mean."""

    total: float
    count: int


class Mixture:
    """Sums loss terms with the weights of a config; a term of weight 0 costs nothing."""

    def __init__(self, config: MixtureConfig, terms: Mapping[TermName, LossTerm]) -> None:
        self._config = config
        self._terms = terms

    def weights(self, progress: float) -> dict[str, float]:
        """Give the weight of every term at a progress in 0–1."""
        return {name: term.weight_at(progress) for name, term in self._config.terms().items()}

    def denominators(self, window: Sequence[Targets]) -> dict[TermName, int]:
        """Sum the denominators of the used terms over all batches of one optimizer step."""
        return {
            name: sum(self._terms[name].denominator(targets) for targets in window)
            for name, term in self._config.terms().items()
            if term.is_used
        }

    @property
    def needs_base(self) -> bool:
        """Whether a used term compares with the base's own logits."""
        return any(self._terms[name].needs_base for name, term in self._config.terms().items() if term.is_used)

    def loss(
        self, view: TokenView, *, denominators: Mapping[TermName, int], progress: float
    ) -> tuple[Tensor, dict[TermName, TermSum]]:
        """Give one batch's share of the window's loss.

        Args:
            view: The batch's supervised positions.
            denominators: Of the whole window; shares of all its batches add up to the window's loss.
            progress: Of the optimizer step, in 0–1.

        Returns:
            A float32 scalar to back-propagate, and each used term's sum and count.

        """
        loss = view.logits.new_zeros((), dtype=torch.float32)
        sums: dict[TermName, TermSum] = {}
        weights = self.weights(progress)
        for name, denominator in denominators.items():
            total = self._terms[name].total(view)
            sums[name] = TermSum(total.item(), self._terms[name].count(view.targets))
            if denominator:
                loss = loss + total * (weights[name] / denominator)
        return loss, sums
