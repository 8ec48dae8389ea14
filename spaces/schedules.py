"""Weights as functions of progress."""

from __future__ import annotations

import math
from typing import Literal

Shape = Literal["constant", "linear", "cosine"]


def schedule_factor(shape: Shape, octaves: float, progress: float) -> float:
    """Give the factor of a loss weight at some progress.

    The factor runs from ``a`` to ``b`` with ``b / a = 4 ** octaves`` and has mean 1 over a trial, so that the shape
    and the total weight are separate dimensions.

    Args:
        shape: ``constant`` is 1 throughout; ``linear`` a straight line; ``cosine`` half a wave.
        octaves: Half the number of doublings from start to end; negative falls, 0 is constant.
        progress: Optimizer steps done divided by all, in 0–1.

    Returns:
        A factor above 0.

    """
    ratio = 4.0**octaves
    start = 2 / (1 + ratio)
    end = ratio * start
    match shape:
        case "constant":
            return 1.0
        case "linear":
            return start + (end - start) * progress
        case "cosine":
            return start + (end - start) * (1 - math.cos(math.pi * progress)) / 2
