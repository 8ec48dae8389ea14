"""The record of a sweep, and what can be read from it."""

from __future__ import annotations

from results.errors import ResultsError
from results.reader import (
    SweepTables,
    last_attempts,
    last_reports,
    read_items,
    read_predictions,
    read_sweep,
)
from results.report import pareto_table, write_report
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
    "ItemRow",
    "Objective",
    "ParamType",
    "PredictionRow",
    "RecordColumns",
    "RecordWriter",
    "ReportRow",
    "ResultsError",
    "Role",
    "State",
    "SweepFile",
    "SweepTables",
    "TrialRow",
    "Verdict",
    "last_attempts",
    "last_reports",
    "pareto_table",
    "read_items",
    "read_predictions",
    "read_sweep",
    "read_sweep_json",
    "write_report",
    "write_sweep_json",
]
