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
from search.recorded_point import recorded_point
from search.spec import SweepSpec
from spaces import Point, Scalar, Settings, settings_of
from spaces.metrics import shown_scores

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
        baseline: Final scores of plain cross entropy; empty if no baseline completed.

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

    @property
    def settings(self) -> Settings:
        """The point as the config objects that its worker read."""
        return settings_of(self.point)

    def used(self, spec: SweepSpec) -> Mapping[str, Scalar]:
        """Give the values that played a part."""
        return {key: value for key, value in spec.space.used(self.point).items() if value is not None}


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
        point=recorded_point(spec.space, row),
        scores=_scores(finals, number),
        baseline={} if baseline is None else _scores(finals, baseline),
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


def _row(tables: SweepTables, number: int) -> Mapping[str, Any]:
    rows = {int(row["trial"]): row for row in tables.trials.to_dict("records")}
    if number in rows:
        return {str(key): cell for key, cell in rows[number].items()}
    if (tables.reports["trial"] == number).any():
        raise RequestError(f"trial {number} has not ended; wait for it, or stop it: paretune trial stop DIR {number}")
    there = f"trials {min(rows)} to {max(rows)} have ended" if rows else "no trial has ended"
    raise RequestError(f"there is no trial {number}: {there}")


def _scores(finals: pd.DataFrame, number: int) -> Mapping[str, float]:
    if number not in finals.index:
        return {}
    cells = finals.loc[number].to_dict()
    return {
        str(name).removeprefix(_SCORE): float(cell)
        for name, cell in cells.items()
        if str(name).startswith(_SCORE) and pd.notna(cell)
    }
