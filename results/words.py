"""Numbers as sentences write them."""

from __future__ import annotations

from results.schema import Objective


def count(number: int, noun: str) -> str:
    """Give a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration_text(seconds: float) -> str:
    """Write a time as a person says it."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def score_text(score: float | None, objective: Objective | None = None) -> str:
    """Write a score: three decimals for a share, else four significant digits; a dash for none."""
    if score is None:
        return "–"
    if objective is not None and (objective.low, objective.high) != (0, 1):
        return f"{score:.4g}"
    return f"{score:.3f}"
