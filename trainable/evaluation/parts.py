"""What single rows add to scores, and scores as sums of that: the one way in which both are computed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LARGEST_EXPONENT = 700.0
"""The exponential of more than 709 is larger than any double."""

PERPLEXITY = "text.perplexity"


@dataclass(frozen=True)
class Part:
    """What a row adds to the numerator and to the denominator of a score."""

    score: float
    weight: float = 1.0


def combined(rows: Iterable[Mapping[str, Part]]) -> dict[str, float]:
    """Give scores of rows by their parts: the ratio of the sums, and for perplexity its exponential.

    Args:
        rows: The parts of each row by score; a row counts for the scores that it has a part of.

    Returns:
        By name; a score that no row counts for is absent. The order of the rows does not matter to the last bit.

    """
    parts: dict[str, list[Part]] = defaultdict(list)
    for row in rows:
        for name, part in row.items():
            parts[name].append(part)
    ratios = {
        name: math.fsum(part.score for part in found) / math.fsum(part.weight for part in found)
        for name, found in parts.items()
    }
    return {name: perplexity(ratio) if name == PERPLEXITY else ratio for name, ratio in ratios.items()}


def perplexity(nats: float) -> float:
    """Turn a mean cross entropy into a perplexity.

    From 700 nats on it stays at 1e304, which is finite and worse than any other; what is not finite stays so.
    """
    return math.exp(min(nats, _LARGEST_EXPONENT)) if math.isfinite(nats) else nats
