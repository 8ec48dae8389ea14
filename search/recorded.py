"""What the record holds of single trials, as the hub and the study take it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from results import SweepTables
from search.spec import SweepSpec
from search.vectors import RecordedReport
from spaces import METRICS


def recorded_reports(number: int, attempt: int, tables: SweepTables, spec: SweepSpec) -> dict[int, RecordedReport]:
    """Give an attempt's reports by step, without those whose objectives are not all there and finite."""
    names = [f"metric.{objective.metric}" for objective in spec.objectives]
    rows = of_attempt(tables.reports, number, attempt)
    rows = rows.loc[np.isfinite(rows[names].astype(float)).all(axis=1)]
    tasks = tables.columns.tasks
    return {
        int(row["step"]): RecordedReport(
            values=tuple(float(row[name]) for name in names),
            exposure={task: float(row[f"exposure.{task}"]) for task in tasks if pd.notna(row[f"exposure.{task}"])},
            progress=float(row["progress"]),
            seconds=float(row["seconds"]),
            scores={metric: float(row[f"metric.{metric}"]) for metric in METRICS if pd.notna(row[f"metric.{metric}"])},
        )
        for row in rows.to_dict("records")
    }


def of_attempt(rows: pd.DataFrame, number: int, attempt: int) -> pd.DataFrame:
    """Give the rows of a trial's attempt."""
    return rows.loc[(rows["trial"] == number) & (rows["attempt"] == attempt)]


def last_attempt(number: int, tables: SweepTables) -> int | None:
    """Give the number of the last attempt that the record has a row of, or ``None``."""
    found = [rows.loc[rows["trial"] == number, "attempt"] for rows in (tables.trials, tables.reports, tables.decisions)]
    numbers = [int(attempts.max()) for attempts in found if len(attempts)]
    return max(numbers, default=None)
