"""Weights as functions of progress."""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["constant", "linear", "cosine", "exponential", "step", "sigmoid", "knots", "cyclical"]

_STEEPNESS = 12.0
_CYCLES = 4
_OCTAVE = math.log(4.0)


def schedule_factor(shape: Shape, octaves: float, progress: float, *, at: float = 0.5, middle: float = 0.0) -> float:
    """Give the factor of a loss weight at some progress.

    The factor runs from ``a`` to ``b`` with ``b / a = 4 ** octaves`` and has mean 1 over a trial, so that the shape
    and the total weight are separate dimensions.

    Args:
        shape: ``constant`` is 1 throughout; ``linear`` a straight line; ``cosine`` half a wave; ``exponential`` a
            constant rate of growth; ``step`` a jump at ``at``; ``sigmoid`` a smooth one around ``at`` that hits both
            ends; ``knots`` two constant rates of growth that meet at ``at``; ``cyclical`` four times a straight line
            for half a cycle and ``b`` for the other half.
        octaves: Half the number of doublings from start to end; negative falls, 0 is constant but for ``knots``.
        progress: Optimizer steps done divided by all, in 0–1.
        at: Progress of the change, for ``step``, ``sigmoid`` and ``knots``.
        middle: Half the number of doublings from the start to ``at``, for ``knots``.

    Returns:
        A factor above 0.

    References:
        ``cyclical``: Fu et al., "Cyclical Annealing Schedule", NAACL 2019, arXiv 1903.10145, equation 6.

    """
    if shape == "constant":
        return 1.0
    if shape == "exponential":
        return math.exp(octaves * _OCTAVE * progress) / _mean_growth(0.0, octaves * _OCTAVE)
    if shape == "knots":
        return _knots(octaves * _OCTAVE, middle * _OCTAVE, progress, at)
    ratio = 4.0**octaves
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


def _knots(end: float, middle: float, progress: float, at: float) -> float:
    """Interpolate the logarithm through 0 at the start, ``middle`` at ``at`` and ``end`` at the end."""
    mean = at * _mean_growth(0.0, middle) + (1 - at) * _mean_growth(middle, end)
    if progress < at:
        return math.exp(middle * progress / at) / mean
    return math.exp(middle + (end - middle) * (progress - at) / (1 - at)) / mean


def _mean_growth(start: float, end: float) -> float:
    """Give the mean of ``exp`` of a straight line from ``start`` to ``end``."""
    rise = end - start
    return math.exp(start) * (math.expm1(rise) / rise if rise else 1.0)


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _softplus(value: float) -> float:
    return math.log1p(math.exp(value))
