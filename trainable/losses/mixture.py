"""The weighted sum of loss terms over an accumulation window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spaces.mixture import MixtureConfig, TermName
from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView
from trainable.weighting import make_weighting


@dataclass(frozen=True)
class TermSum:
    """A term over some batches.

    Attributes:
        total: Sum over its positions.
        count: Number of its positions; ``total / count`` is its mean.
        loss: ``total`` divided by the window's denominator, summed over the batches: the value that is weighed.
        weighted: The same times its weight: what it adds to the loss.

    """

    total: float
    count: int
    loss: float
    weighted: float

    def __add__(self, other: TermSum) -> TermSum:
        return TermSum(
            self.total + other.total,
            self.count + other.count,
            self.loss + other.loss,
            self.weighted + other.weighted,
        )


class Mixture:
    """Sums loss terms with the weights of a config; a term of weight 0 costs nothing.

    Args:
        config: Weights, schedules, scale and weighting.
        terms: Every term by name.
        references: Value of each used term for the base; used, and then needed, with ``scale: calibrated`` and the
            weighting ``refnorm``.
        seed: Of the weighting's draws.

    Raises:
        ValueError: If references are needed and one is missing.

    """

    def __init__(
        self,
        config: MixtureConfig,
        terms: Mapping[TermName, LossTerm],
        *,
        references: Mapping[TermName, float] | None = None,
        seed: int = 0,
    ) -> None:
        self._config = config
        self._terms = terms
        self._used: tuple[TermName, ...] = tuple(config.mean_weights())
        known: Mapping[TermName, float] = references or {}
        if needs_references(config) and (missing := [name for name in self._used if name not in known]):
            raise ValueError(f"the mixture needs the base's value of {', '.join(missing)}")
        self._divisors: dict[TermName, float] = {
            name: known[name] if config.scale == "calibrated" else 1.0 for name in self._used
        }
        moved: list[TermName] = [name for name in self._used if terms[name].serves]
        normalised: dict[TermName, float] = {
            name: known[name] / self._divisors[name] for name in moved if name in known
        }
        self._weighting = make_weighting(config.weighting, moved, references=normalised, seed=seed)

    def weights(self, progress: float) -> dict[TermName, float]:
        """Give what multiplies every term at a progress in 0–1, weighting and scale included; 0 if it is not used."""
        planned = self._config.weights_at(progress)
        multipliers = self._weighting.multipliers()
        weights: dict[TermName, float] = {
            name: weight * multipliers.get(name, 1.0) / self._divisors.get(name, 1.0)
            for name, weight in planned.items()
        }
        return weights

    def observe(self, sums: Mapping[TermName, TermSum]) -> None:
        """Let the weighting see the terms of the optimizer step that was just taken."""
        losses: dict[TermName, float] = {
            name: part.loss / self._divisors[name] for name, part in sums.items() if part.count
        }
        self._weighting.observe(losses)

    def denominators(self, window: Sequence[Targets]) -> dict[TermName, int]:
        """Sum the denominators of the used terms over all batches of one optimizer step."""
        return {name: sum(self._terms[name].denominator(targets) for targets in window) for name in self._used}

    @property
    def needs_base(self) -> bool:
        """Whether a used term compares with the base's own logits."""
        return any(self._terms[name].needs_base for name in self._used)

    def loss(
        self, view: TokenView, *, denominators: Mapping[TermName, int], weights: Mapping[TermName, float]
    ) -> tuple[Tensor, dict[TermName, TermSum]]:
        """Give one batch's share of the window's loss.

        Args:
            view: The batch's supervised positions.
            denominators: Of the whole window; shares of all its batches add up to the window's loss.
            weights: Of the optimizer step.

        Returns:
            A float32 scalar to back-propagate, and each used term's sum and count.

        """
        loss = torch.zeros((), device=view.device)
        sums: dict[TermName, TermSum] = {}
        for name, denominator in denominators.items():
            total = self._terms[name].total(view)
            share = total.item() / denominator if denominator else 0.0
            sums[name] = TermSum(total.item(), self._terms[name].count(view.targets), share, share * weights[name])
            # a term without a position in the window adds nothing, yet keeps the graph
            loss = loss + total * (weights[name] / denominator if denominator else 0.0)
        return loss, sums

    def state_dict(self) -> dict[str, Any]:
        """Give the weighting's state, for a checkpoint."""
        return self._weighting.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self._weighting.load_state_dict(state)


def needs_references(config: MixtureConfig) -> bool:
    """Tell whether a mixture needs the terms' values for the base."""
    return config.scale == "calibrated" or config.weighting.name == "refnorm"
