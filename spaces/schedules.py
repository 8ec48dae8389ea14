"""Weights as functions of progress."""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["constant", "linear", "cosine", "exponential", "step", "sigmoid", "cyclical"]

_STEEPNESS = 12.0
_CYCLES = 4


def schedule_factor(shape: Shape, octaves: float, progress: float, *, at: float = 0.5) -> float:
    """Give the factor of a loss weight at some progress.

    The factor runs from ``a`` to ``b`` with ``b / a = 4 ** octaves`` and has mean 1 over a trial, so that the shape
    and the total weight are separate dimensions.

    Args:
        shape: ``constant`` is 1 throughout; ``linear`` a straight line; ``cosine`` half a wave; ``exponential`` a
            constant rate of growth; ``step`` a jump at ``at``; ``sigmoid`` a smooth one around ``at`` that hits both
            ends; ``cyclical`` four times a straight line for half a cycle and ``b`` for the other half.
        octaves: Half the number of doublings from start to end; negative falls, 0 is constant.
        progress: Optimizer steps done divided by all, in 0–1.
        at: Progress of the change, for ``step`` and ``sigmoid``.

    Returns:
        A factor above 0.

    References:
        ``cyclical``: Fu et al., "Cyclical Annealing Schedule", NAACL 2019, arXiv 1903.10145, equation 6.

    """
    if shape == "constant":
        return 1.0
    ratio = 4.0**octaves
    if shape == "exponential":
        mean = (ratio - 1) / math.log(ratio) if octaves else 1.0
        return ratio**progress / mean
    share, mean_share = _share(shape, progress, at)
    return (1 + (ratio - 1) * share) / (1 + (ratio - 1) * mean_share)


def _share(shape: Shape, progress: float, at: float) -> tuple[float, float]:
    """Give how much of the way from start to end is done, and the mean of that over a trial."""
    match shape:
        case "cosine":
            return (1 - math.cos(math.pi * progress)) / 2, 0.5
        case "step":
            return float(progress >= at), 1 - at
        case "sigmoid":
            low, high = _logistic(-_STEEPNESS * at), _logistic(_STEEPNESS * (1 - at))
            area = (_softplus(_STEEPNESS * (1 - at)) - _softplus(-_STEEPNESS * at)) / _STEEPNESS
            share = (_logistic(_STEEPNESS * (progress - at)) - low) / (high - low)
            return share, (area - low) / (high - low)
        case "cyclical":
            return min(2 * (progress * _CYCLES % 1), 1.0), 0.75
        case _:
            return progress, 0.5


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _softplus(value: float) -> float:
    return math.log1p(math.exp(value))
