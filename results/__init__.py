"""The record of a sweep, and what can be read from it."""

from __future__ import annotations

from results.errors import ResultsError
from results.notebook import Sweep, open_sweep
from results.reader import (
    SweepTables,
    last_attempts,
    last_reports,
    read_items,
    read_predictions,
    read_sweep,
)
from results.report import Explain, ReportFiles, pareto_table, recommended_trial, write_comparison, write_report
from results.rows import ConfirmationRow, ItemRow, PredictionRow
from results.schema import (
    SCHEMA_VERSION,
    DecisionRow,
    Direction,
    Objective,
    ParamType,
    RecordColumns,
    ReportRow,
    Role,
    State,
    TrialRow,
    Verdict,
)
from results.sweep_file import SweepFile, read_sweep_json, write_sweep_json
from results.writer import RecordWriter

__all__ = [
    "SCHEMA_VERSION",
    "ConfirmationRow",
    "DecisionRow",
    "Direction",
    "Explain",
    "ItemRow",
    "Objective",
    "ParamType",
    "PredictionRow",
    "RecordColumns",
    "RecordWriter",
    "ReportFiles",
    "ReportRow",
    "ResultsError",
    "Role",
    "State",
    "Sweep",
    "SweepFile",
    "SweepTables",
    "TrialRow",
    "Verdict",
    "last_attempts",
    "last_reports",
    "open_sweep",
    "pareto_table",
    "read_items",
    "read_predictions",
    "read_sweep",
    "read_sweep_json",
    "recommended_trial",
    "write_comparison",
    "write_report",
    "write_sweep_json",
]
