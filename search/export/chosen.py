"""The trial of a sweep that is exported, as the record tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results import SweepTables
from results.reader import last_reports
from results.summary import Summary, summarise
from search.errors import RequestError
from search.recorded_point import home_point
from search.spec import SweepSpec
from spaces import Point, Scalar, Settings, settings_of
from spaces.metrics import shown_scores
from spaces.space import has_effect

KNEE, BASELINE = "knee", "baseline"
_SCORE = "metric."


@dataclass(frozen=True)
class ChosenTrial:
    """A trial that has ended.

    Attributes:
        number: Of the trial.
        state: ``COMPLETE``, ``PRUNED`` or ``FAIL``.
        role: Why it was run.
        attempt: The attempt that ended.
        steps: Last step that was reported.
        seed: Of adapter, data order and dropout.
        seconds: That it took.
        point: A value for every key.
        scores: Of its last report, by name.
        baseline: Scores of plain cross entropy on the same rows; empty if no baseline completed.
        baseline_number: The number of that baseline.
        place: A sentence on where it stands among the others.

    """

    number: int
    state: str
    role: str
    attempt: int
    steps: int
    seed: int
    seconds: float
    point: Point
    scores: Mapping[str, float]
    baseline: Mapping[str, float]
    baseline_number: int | None
    place: str

    @property
    def settings(self) -> Settings:
        """The point as the config objects that its worker read."""
        return settings_of(self.point)

    @property
    def used(self) -> Mapping[str, Scalar]:
        """The values that played a part, also those at home because a condition of the space did not hold."""
        return {key: value for key, value in self.point.items() if has_effect(key, self.point)}


def chosen_trial(tables: SweepTables, spec: SweepSpec, word: str) -> ChosenTrial:
    """Find the trial that a user names.

    Args:
        tables: The sweep's record.
        spec: The sweep.
        word: A number, ``knee`` of the front, or ``baseline``.

    Raises:
        RequestError: If there is no such trial, or it has not ended.

    """
    summary = summarise(tables)
    number = _number(summary, word)
    row = _row(tables, number)
    finals = last_reports(tables.reports)
    baseline = None if summary.baseline is None else summary.baseline.trial
    return ChosenTrial(
        number=number,
        state=row["state"],
        role=row["role"],
        attempt=int(row["attempt"]),
        steps=int(row["steps"]),
        seed=int(row["seed"]),
        seconds=float(row["seconds"]),
        point=home_point(spec.space, row),
        scores=_scores(finals, number),
        baseline={} if baseline is None else _baseline_scores(tables, baseline, row),
        baseline_number=baseline,
        place=_place(summary, number),
    )


def _number(summary: Summary, word: str) -> int:
    if word == KNEE:
        return _knee(summary)
    if word == BASELINE:
        found = summary.baseline or summary.failed_baseline
        if found is None:
            raise RequestError("the baseline has not ended; wait for it, or name another trial by --trial N")
        return found.trial
    if not word.isdecimal():
        raise RequestError(f"--trial {word}: expected a trial's number, {KNEE} or {BASELINE}")
    return int(word)


def _knee(summary: Summary) -> int:
    """Give the knee of the front, or the only trial of a front of one."""
    if summary.knee is not None:
        return summary.knee.trial
    match summary.front:
        case ():
            raise RequestError("there is no front yet: no trial has completed with both objectives")
        case (only,):
            return only.trial
        case front:
            names = [objective.name for objective in summary.objectives]
            scores = [{name: value for name, value in zip(names, one.values, strict=True) if value} for one in front]
            lines = [f"  trial {one.trial}: {shown_scores(names, own)}" for one, own in zip(front, scores, strict=True)]
            told = "the front has no knee: it takes three trials, one of them above the line between the outer ones"
            raise RequestError("\n".join([f"{told}; name one by --trial N:", *lines]))


def _place(summary: Summary, number: int) -> str:
    role = "It is the baseline, plain cross entropy. " if _is_baseline(summary, number) else ""
    if summary.knee is not None and summary.knee.trial == number:
        return f"{role}It is the knee of the sweep's front."
    front = [one.trial for one in summary.front]
    if number in front:
        return f"{role}It is {'the only trial' if len(front) == 1 else 'one of the trials'} on the sweep's front."
    if any(one.trial == number for one in summary.completed):
        return f"{role}It is not on the sweep's front: another trial is better in one score and no worse in the other."
    return f"{role}It did not reach its last step."


def _is_baseline(summary: Summary, number: int) -> bool:
    return any(one.trial == number and one.role == "baseline" for one in summary.trials)


def _row(tables: SweepTables, number: int) -> Mapping[str, Any]:
    rows = {int(row["trial"]): row for row in tables.trials.to_dict("records")}
    if number in rows:
        return {str(key): cell for key, cell in rows[number].items()}
    if number in tables.reports["trial"].tolist():
        raise RequestError(f"trial {number} has not ended; wait for it, or stop it: paretune trial stop DIR {number}")
    there = f"trials {min(rows)} to {max(rows)} have ended" if rows else "no trial has ended"
    raise RequestError(f"there is no trial {number}: {there}")


def _baseline_scores(tables: SweepTables, number: int, row: Mapping[str, Any]) -> Mapping[str, float]:
    """Give the baseline's scores on the rows that the trial was scored on: final ones, or those of the same rung."""
    reports = tables.reports
    if row["state"] != "COMPLETE":
        reports = reports.loc[reports["step"] == row["steps"]]
    return _scores(last_reports(reports), number)


def _scores(finals: pd.DataFrame, number: int) -> Mapping[str, float]:
    if number not in finals.index:
        return {}
    cells = finals.loc[number].to_dict()
    return {
        str(name).removeprefix(_SCORE): float(cell)
        for name, cell in cells.items()
        if str(name).startswith(_SCORE) and pd.notna(cell)
    }
