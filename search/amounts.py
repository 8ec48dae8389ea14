"""Bytes as a person writes them."""

from __future__ import annotations


def in_words(size: float) -> str:
    """Say bytes as a person would write them in a sweep file."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.3g} {unit}"
