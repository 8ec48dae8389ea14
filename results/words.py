"""Numbers as sentences write them."""

from __future__ import annotations

from results.schema import Objective


def count(number: int, noun: str) -> str:
    """Give a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration_text(seconds: float) -> str:
    """Say a time as a person would: two units at most."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} days {hours % 24} h"


def score_text(score: float | None, objective: Objective | None = None) -> str:
    """Write a score: three decimals for a share, else four significant digits; a dash for none."""
    if score is None:
        return "–"
    if objective is not None and (objective.low, objective.high) != (0, 1):
        return f"{score:.4g}"
    return f"{score:.3f}"
