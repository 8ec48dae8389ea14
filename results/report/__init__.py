"""The report of a sweep, and the comparison of several."""

from __future__ import annotations

from results.report.comparison import write_comparison
from results.report.terminal import pareto_table
from results.report.write import Explain, ReportFiles, recommended_trial, write_report

__all__ = ["Explain", "ReportFiles", "pareto_table", "recommended_trial", "write_comparison", "write_report"]
