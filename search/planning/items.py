"""How many rows it takes to see that one setting is a point better than another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from spaces.metrics import METRICS

POINT = 0.01
"""The difference that is meant to be seen: one point of a score from 0 to 1, or one percent of a perplexity."""
LEVEL, POWER = 0.05, 0.8

_ZERO_OR_ONE = frozenset({"grounding.acc50", "text.exact_match", "grounding.parse_failure_rate"})
_BY_TOKENS = frozenset({"text.perplexity", "text.token_accuracy"})
ASSUMED_DISCORDANCE = 0.2
"""Assumed share of rows that one trial gets right and the other wrong."""
ASSUMED_SPREAD = 0.25
"""Assumed standard deviation of the differences of scores between 0 and 1 on one row."""


@dataclass(frozen=True)
class Needed:
    """How many rows one objective needs.

    Attributes:
        metric: Name of the objective.
        spread: Standard deviation of the difference between two trials on one row; ``None`` if not even assumed.
        pairs: Pairs of trials that it was measured on; 0 if it is assumed.
        rows: Rows that a point needs.
        present: Rows of the search split that carry the score; ``None`` if not known.
        visible: The smallest difference that those rows show.

    """

    metric: str
    spread: float | None
    pairs: int
    rows: int | None
    present: int | None
    visible: float | None


def rows_needed(spread: float, *, difference: float = POINT, level: float = LEVEL, power: float = POWER) -> int:
    """Give the rows that a paired comparison needs to see a difference.

    ``n = (z(1 − level/2) + z(power))² · spread² / difference²``, the sample size of a paired z test (Machin, Campbell,
    Tan and Tan 2009, *Sample Size Tables for Clinical Studies*, 3rd ed., chapter 8). Of scores that are 0 or 1 the
    spread's square is the share of discordant rows less the square of the difference, so that the formula becomes the
    one for McNemar's test (Connor 1987, Biometrics 43, equation 3.2, with the variance under the alternative).

    Rows of one image are not independent: what is given counts each row as if it stood alone, and is a lower bound.

    Args:
        spread: Standard deviation of the difference on one row.
        difference: Between the means of two trials.
        level: Of the two-sided test.
        power: Chance to see the difference if it is there.

    Returns:
        A whole number of rows, rounded up.

    """
    return math.ceil((_factor(level, power) * spread / difference) ** 2)


def visible_difference(spread: float, *, rows: int, level: float = LEVEL, power: float = POWER) -> float:
    """Give the smallest difference that so many rows show; the inverse of ``rows_needed``."""
    return _factor(level, power) * spread / math.sqrt(rows)


def _factor(level: float, power: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - level / 2) + normal.inv_cdf(power)


def assumed_spread(metric: str) -> float | None:
    """Give the spread that is assumed where no finished sweep tells it; ``None`` for means over tokens."""
    if metric in _BY_TOKENS:
        return None
    return math.sqrt(ASSUMED_DISCORDANCE - POINT**2) if metric in _ZERO_OR_ONE else ASSUMED_SPREAD


def needed(
    metrics: tuple[str, ...], *, present: Mapping[str, int] | None, measured: Mapping[str, tuple[float, int]]
) -> tuple[Needed, ...]:
    """Say how many rows each objective needs, and how many there are.

    Args:
        metrics: The objectives.
        present: Rows of the search split that are scored, by task.
        measured: Spread and number of pairs by objective, from a finished sweep.

    """
    return tuple(_needed(metric, present=present, measured=measured.get(metric)) for metric in metrics)


def _needed(metric: str, *, present: Mapping[str, int] | None, measured: tuple[float, int] | None) -> Needed:
    spread, pairs = measured or (assumed_spread(metric), 0)
    rows = None if present is None else present.get(metric.partition(".")[0], 0)
    return Needed(
        metric,
        spread,
        pairs,
        None if spread is None else max(rows_needed(spread), 1),
        rows,
        visible_difference(spread, rows=rows) if spread is not None and rows else None,
    )


def is_ratio(metric: str) -> bool:
    """Tell whether a point of this score is meant as one percent of it: it has no upper bound."""
    return METRICS[metric].high is None
