"""What every weighting is: multipliers for the next optimizer step, made from the losses of those before."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, final

from spaces.mixture import TermName

SMALLEST_LOSS = 1e-4
"""A weighting that divides by a loss takes no smaller one: an easy term would drown the others."""


class Weighting(ABC):
    """Multiplies the searched weights of the terms that measure a task.

    The multipliers are plain numbers, so no gradient flows through them. They use the losses of the optimizer steps
    before, never of the current one, and so cost no forward pass. Only their proportions are a weighting's own: their
    mean is 1, so that weightings do not differ by the size of the gradient, which clipping would notice.
    """

    def __init__(self, names: Sequence[TermName]) -> None:
        self._names = tuple(names)

    @final
    def multipliers(self) -> dict[TermName, float]:
        """Give the multiplier of every term for the next optimizer step; their mean is 1."""
        raw = self._proportions()
        mean = math.fsum(raw.values()) / len(raw) if raw else 1.0
        return {name: value / mean for name, value in raw.items()}

    @abstractmethod
    def _proportions(self) -> Mapping[TermName, float]:
        """Give numbers above 0 for all terms."""

    @abstractmethod
    def observe(self, losses: Mapping[TermName, float]) -> None:
        """Take in the losses of one optimizer step.

        Args:
            losses: Unweighted, at least 0; a term without a position in the step is absent, others are ignored.

        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to go on, as plain numbers and lists."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
