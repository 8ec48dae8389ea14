"""How often a pruner would have stopped a trial that belongs on the front, from the trials that it was not let stop."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

AUDIT_PREFIX = "audit: would stop: "
"""Begins the reason of a decision that the pruner made for a trial of the audit group and that was not carried out."""

_Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Audit:
    """What became of the trials that the pruner would have stopped and that ran to the last step all the same.

    Attributes:
        would_stop: Their number.
        false_stops: How many of them ended on the front, so that stopping them would have been a mistake.

    """

    would_stop: int
    false_stops: int

    @property
    def rate(self) -> float | None:
        """The share of false stops, or ``None`` if there is nothing to count."""
        return self.false_stops / self.would_stop if self.would_stop else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of that share; 0 to 1 if there is nothing to count."""
        return wilson_interval(self.false_stops, self.would_stop)


def audit(decisions: pd.DataFrame, *, completed: Collection[int], front: Collection[int]) -> Audit:
    """Count the false stops of the audit group.

    Args:
        decisions: The record's decisions.
        completed: Numbers of the trials that ran to the last step.
        front: Numbers of those that no other completed trial dominates.

    """
    reasons = decisions["reason"].fillna("")
    doubted = set(decisions.loc[reasons.str.startswith(AUDIT_PREFIX), "trial"]) & set(completed)
    return Audit(would_stop=len(doubted), false_stops=len(doubted & set(front)))


def wilson_interval(successes: int, trials: int, *, z: float = _Z_95) -> tuple[float, float]:
    """Give the score interval of a share.

    Args:
        successes: At most ``trials``.
        trials: Independent ones.
        z: Quantile of the normal distribution; the default leaves 2.5 % on either side.

    References:
        E. B. Wilson. Probable inference, the law of succession, and statistical inference. Journal of the American
        Statistical Association 22, 1927. https://doi.org/10.1080/01621459.1927.10502953

    """
    if trials == 0:
        return 0.0, 1.0
    share, weight = successes / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    return max(middle - half, 0.0), min(middle + half, 1.0)
