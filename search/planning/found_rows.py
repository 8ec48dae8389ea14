"""What a check found of a sweep's rows, for plans."""

from __future__ import annotations

from search.check import CheckedData
from search.check_cache import kept_bytes
from search.planning.rows import RowCounts
from search.spec import SweepSpec


def found_counts(spec: SweepSpec, data: CheckedData, *, tokens: float | None) -> RowCounts:
    """Sum up checked data."""
    return RowCounts(is_exact=True, rows=data.counts, tokens=tokens, kept_bytes=kept_bytes(spec, data))
