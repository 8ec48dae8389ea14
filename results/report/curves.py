"""Losses, weights and scores of single trials over their steps, as many as a page can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from results.reader import SweepTables, last_attempts

MOST_POINTS = 50
"""Reports of one trial; of more, evenly spaced ones are kept, the first and the last among them."""

_PLACE = ("trial", "attempt", "step")

Curve = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class TrialCurves:
    """One trial's last attempt, report by report.

    Attributes:
        trial: Its number.
        reports: Number of its reports, of which ``steps`` may be a thinner choice.
        steps: Optimizer steps at the reports.
        raw: Mean of each used loss term over its own positions since the report before.
        weighted: What each term added to the loss, mean over the steps since the report before.
        weights: What multiplied each term in the last step before the report.
        scores: The objectives.

    """

    trial: int
    reports: int
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


def trial_curves(tables: SweepTables, order: Iterable[int], *, most_numbers: int) -> tuple[TrialCurves, ...]:
    """Give the curves of as many trials as a page can hold.

    Args:
        tables: The sweep.
        order: Numbers of trials, those that must not be left out first; one without a report is passed over.
        most_numbers: How many numbers there may be in all; the first trial is given whatever its size.

    """
    counts = tables.reports["trial"].value_counts().to_dict()
    wanted = _within([n for n in dict.fromkeys(order) if n in counts], counts, tables, most_numbers=most_numbers)
    names = {*tables.columns.terms, *(objective.name for objective in tables.columns.objectives)}
    columns = [name for name in tables.reports if name in _PLACE or str(name).partition(".")[2] in names]
    rows = last_attempts(tables.reports.loc[tables.reports["trial"].isin(wanted), columns])
    reports = {int(str(number)): own for number, own in rows.groupby("trial")}
    found: list[TrialCurves] = []
    left = most_numbers
    for number in wanted:
        curves = _curves(number, reports[number].sort_values("step"), tables)
        left -= curves.size
        if left < 0 and found:
            break
        found.append(curves)
    return tuple(found)


def _within(order: Sequence[int], counts: Mapping[int, int], tables: SweepTables, *, most_numbers: int) -> list[int]:
    """Keep the trials whose steps and objectives alone, the least of a trial's numbers, find room."""
    least = 1 + len(tables.columns.objectives)
    left, kept = most_numbers, []
    for number in order:
        left -= least * min(counts[number], MOST_POINTS)
        if left < 0 and kept:
            break
        kept.append(number)
    return kept


def _curves(number: int, rows: pd.DataFrame, tables: SweepTables) -> TrialCurves:
    count = len(rows)
    if count > MOST_POINTS:
        rows = rows.iloc[np.linspace(0, count - 1, MOST_POINTS).round().astype(int)]
    weights = _group(rows, "weight", tables.columns.terms)
    used = [term for term, values in weights.items() if any(values)]
    return TrialCurves(
        trial=number,
        reports=count,
        steps=[int(step) for step in rows["step"]],
        raw=_group(rows, "loss", used),
        weighted=_group(rows, "weighted", used),
        weights={term: weights[term] for term in used},
        scores=_group(rows, "metric", [objective.name for objective in tables.columns.objectives]),
    )


def _group(rows: pd.DataFrame, prefix: str, names: Iterable[str]) -> dict[str, list[float | None]]:
    """Give the columns of a group that hold a number, rounded to four digits."""
    columns = {name: column for name in names if (column := f"{prefix}.{name}") in rows.columns}
    numbers = rows[list(columns.values())].to_numpy(float, na_value=np.nan)
    found: dict[str, list[float | None]] = {}
    for name, own in zip(columns, numbers.T, strict=True):
        if np.isfinite(own).any():
            found[name] = [float(f"{value:.4g}") if np.isfinite(value) else None for value in own]
    return found
