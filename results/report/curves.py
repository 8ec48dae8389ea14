"""Losses and weights of single trials over time; the report's page draws those of the trial that a reader chooses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from results.reader import SweepTables, last_attempts

MOST_NUMBERS = 60_000
"""Keeps a page of a large sweep below a megabyte of curves."""

Curve = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class TrialCurves:
    """One trial's last attempt, report by report.

    Attributes:
        trial: Its number.
        steps: Optimizer steps at the reports.
        raw: Mean of each used loss term over its own positions since the report before.
        weighted: What each term added to the loss, mean over the steps since the report before.
        weights: What multiplied each term in the last step before the report.
        scores: The objectives.

    """

    trial: int
    steps: Sequence[int]
    raw: Curve
    weighted: Curve
    weights: Curve
    scores: Curve

    @property
    def size(self) -> int:
        """Count its numbers."""
        groups = (self.raw, self.weighted, self.weights, self.scores)
        return len(self.steps) * (1 + sum(len(group) for group in groups))


def loss_curves(tables: SweepTables, order: Iterable[int]) -> tuple[TrialCurves, ...]:
    """Give the curves of as many trials as a page can hold.

    Args:
        tables: The sweep.
        order: Numbers of trials, those that must not be left out first; one without a report is passed over.

    """
    reports = {int(str(number)): rows for number, rows in last_attempts(tables.reports).groupby("trial")}
    found: list[TrialCurves] = []
    left = MOST_NUMBERS
    for number in dict.fromkeys(order):
        if number in reports:
            curves = _curves(number, reports[number].sort_values("step"), tables)
            left -= curves.size
            if left < 0 and found:
                break
            found.append(curves)
    return tuple(found)


def curves_json(curves: Sequence[TrialCurves]) -> str:
    """Write curves as JSON that can stand inside a ``script`` element."""
    content = {str(one.trial): {key: value for key, value in asdict(one).items() if key != "trial"} for one in curves}
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _curves(number: int, rows: pd.DataFrame, tables: SweepTables) -> TrialCurves:
    weights = _group(rows, "weight", tables.columns.terms)
    used = [term for term, values in weights.items() if any(values)]
    return TrialCurves(
        trial=number,
        steps=[int(step) for step in rows["step"]],
        raw=_group(rows, "loss", used),
        weighted=_group(rows, "weighted", used),
        weights={term: weights[term] for term in used},
        scores=_group(rows, "metric", [objective.name for objective in tables.columns.objectives]),
    )


def _group(rows: pd.DataFrame, prefix: str, names: Iterable[str]) -> dict[str, list[float | None]]:
    """Give the columns of a group that hold a number, rounded to four digits."""
    found: dict[str, list[float | None]] = {}
    for name in names:
        column = f"{prefix}.{name}"
        if column in rows.columns:
            values = [float(f"{value:.4g}") if np.isfinite(value) else None for value in rows[column].astype(float)]
            if any(value is not None for value in values):
                found[name] = values
    return found
