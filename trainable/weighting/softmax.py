"""Softmax over a few named numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from spaces.mixture import TermName


def softmax(logits: Mapping[TermName, float]) -> dict[TermName, float]:
    """Give numbers above 0 that sum to 1."""
    most = max(logits.values(), default=0.0)
    powers: dict[TermName, float] = {name: math.exp(value - most) for name, value in logits.items()}
    total = math.fsum(powers.values())
    return {name: value / total for name, value in powers.items()}
