"""The comparison of several sweeps."""

from __future__ import annotations

from results.report.comparison.write import write_comparison

__all__ = ["write_comparison"]
