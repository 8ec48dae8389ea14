"""Objective scores on the scale that the statistics work on: larger is better, perplexity in nats per token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from results.schema import Objective

_PERPLEXITY = "text.perplexity"
_MOST_NATS = 700.0


def is_in_nats(metric: str) -> bool:
    """Tell whether a score is the exponential of a mean over rows, and not such a mean itself."""
    return metric == _PERPLEXITY


def signs_of(objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """Give 1 where larger is better and -1 where smaller is, of shape ``[objectives]``."""
    return np.array([1.0 if objective.direction == "maximize" else -1.0 for objective in objectives])


def gains_of(values: ArrayLike, objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """Put scores on a scale where larger is better and noise adds up.

    Dominance is the same on both scales. The mean cross entropy of the tokens is a ratio of sums over rows, and its
    exponential, the perplexity, is not.

    Args:
        values: Scores of shape ``[..., objectives]``.
        objectives: The objectives.

    Returns:
        Gains of the same shape: scores, negated where smaller is better, and minus nats per token for perplexity.

    """
    gains = np.array(values, dtype=np.float64)
    for index, objective in enumerate(objectives):
        if is_in_nats(objective.name):
            gains[..., index] = np.log(np.maximum(gains[..., index], np.finfo(float).tiny))
    return gains * signs_of(objectives)


def values_of(gains: ArrayLike, objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """Give the scores of gains: the inverse of ``gains_of``.

    Args:
        gains: Of shape ``[..., objectives]``.
        objectives: The objectives.

    """
    values = np.array(gains, dtype=np.float64) * signs_of(objectives)
    for index, objective in enumerate(objectives):
        if is_in_nats(objective.name):
            values[..., index] = np.exp(np.minimum(values[..., index], _MOST_NATS))
    return values


def widths_of(objectives: Sequence[Objective], *, baseline: Sequence[float] | None) -> tuple[float, ...]:
    """Give what a share of each objective's range is a share of, in its own unit.

    Args:
        objectives: The objectives.
        baseline: The baseline's scores, or ``None``.

    Returns:
        The width between the bounds; where a bound is missing the baseline's size, or 1 without a baseline.

    """
    sizes = [1.0] * len(objectives) if baseline is None else [abs(score) for score in baseline]
    return tuple(
        size if objective.low is None or objective.high is None else objective.high - objective.low
        for objective, size in zip(objectives, sizes, strict=True)
    )
