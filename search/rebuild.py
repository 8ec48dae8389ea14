"""Puts into the study what only the record holds: its torn tail, or all of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from results import SweepTables
from search.companion import Companion
from search.constraints import Constraints
from search.opener import HALVED_KEY
from search.points import CLONE_KEY, clone_plan, planned_point
from search.recorded import last_attempt, of_attempt, recorded_reports
from search.recorded_point import RecordedPoint, home_point, recorded_values
from search.recorder import Ending
from search.spec import SweepSpec
from search.study import STUDY_FILE, study_error
from search.study_trials import StudyTrials
from search.vectors import CONSTRAINED_KEY, Measured, exposure_of, report_cell, report_key
from spaces import Point, Scalar
from trainable.errors import MemoryExhaustedError

_log = logging.getLogger(__name__)


def set_aside(folder: Path) -> Path | None:
    """Give a damaged ``study.db`` another name, with its log.

    Returns:
        Its new path, or ``None`` if there is none.

    """
    path = folder / STUDY_FILE
    aside = next(name for at in range(1, 10**6) if not (name := folder / f"{STUDY_FILE}.damaged-{at}").exists())
    moved = False
    for tail in ("-wal", "-shm", ""):
        part = path.with_name(path.name + tail)
        if part.exists():
            part.replace(aside.with_name(aside.name + tail))
            moved = True
    return aside if moved else None


class Rebuilder:
    """Compares a study with the record of its sweep, and puts back what it lacks.

    Finished trials come back whole. Of a trial that was running the record has no settings: it is drawn anew under its
    number, as the next attempt.

    Args:
        spec: The sweep.
        tables: Its record.
        companion: The curves for Optuna's own pruners.

    """

    def __init__(self, spec: SweepSpec, tables: SweepTables, companion: Companion) -> None:
        self._spec, self._tables, self._companion = spec, tables, companion
        self._metrics = [objective.metric for objective in spec.objectives]
        self._signs = [1 if objective.direction == "maximize" else -1 for objective in spec.objectives]
        self._places = {number: place for place, number in enumerate(tables.trials["trial"].tolist())}
        numbers = [rows["trial"] for rows in (tables.trials, tables.reports, tables.decisions)]
        self._last = max((number for column in numbers for number in column.tolist()), default=-1)

    def check(self, trials: StudyTrials, folder: Path) -> None:
        """Check that the study is of this sweep.

        Raises:
            StudyError: If a finished trial is another one than in the record.

        """
        states = self._tables.trials["state"].tolist()
        scores = self._tables.trials[[f"value.{metric}" for metric in self._metrics]].to_numpy(float).tolist()
        for number, trial in trials.stored():
            place = self._places.get(number)
            if place is None or not trial.state.is_finished():
                continue
            recorded = tuple(scores[place]) if states[place] == "COMPLETE" else ()
            if (trial.state.name, tuple(trial.values or ())) != (states[place], recorded):
                problem = f"trial {number} of the study is not the one that {folder} has on record"
                raise study_error(folder, problem, storage=self._spec.search.storage)

    def restore(self, trials: StudyTrials) -> int:
        """Put back what the study lacks.

        Returns:
            How many trials it lacked, or had of an earlier moment.

        """
        restored, stored = 0, dict(trials.stored())
        for number in range(self._last + 1):
            held = stored.get(number)
            if held is None or held.state == TrialState.WAITING:
                self._put_back(number, trials, is_waiting=held is not None)
                restored += 1
            elif held.state == TrialState.RUNNING and self._catch_up(number, held, trials):
                restored += 1
        return restored

    def _row(self, number: int) -> Mapping[str, Any] | None:
        """Give the last row of a trial that has ended on record; few are needed, and all take long to make."""
        place = self._places.get(number)
        return None if place is None else self._tables.trials.iloc[[place]].to_dict("records")[0]

    def _put_back(self, number: int, trials: StudyTrials, *, is_waiting: bool) -> None:
        if is_waiting:
            trials.ask()  # those that wait are asked for in their order
            self._catch_up(number, trials.trial(number), trials)
        elif (row := self._row(number)) is not None:
            trials.add(self._finished(number, row))
            ending, attempt = self._ending(row), int(row["attempt"])
            self._companion.restore(number, attempt, self._vectors(number, attempt), ending)
        else:
            trials.add(self._running(number))

    def _catch_up(self, number: int, held: FrozenTrial, trials: StudyTrials) -> bool:
        """Let a running trial of the study know of attempts, and of parameters, that only the record knows of."""
        attempt, known = last_attempt(number, self._tables), int(held.user_attrs.get("attempt", 0))
        row, is_behind = self._row(number), False
        if row is not None:
            point, drawn = self._drawn(number, row, held.user_attrs)
            for name, (distribution, value) in drawn.items():
                is_behind |= trials.set_param(number, name, distribution, value)
            attrs = self._attrs(number, row, point)
            for key in (key for key in attrs if key not in held.user_attrs and key != "reason"):
                trials.set_attr(number, key, attrs[key])
            attempt = int(row["attempt"])
        elif attempt is not None and attempt > known:
            attempt += 1
        if attempt is not None and attempt > known:
            trials.set_attr(number, "attempt", attempt)
            is_behind = True
        return is_behind

    def _running(self, number: int) -> FrozenTrial:
        attempt, planned = last_attempt(number, self._tables), planned_point(self._spec, number, {})
        return create_trial(
            state=TrialState.RUNNING,
            user_attrs={"attempt": 0 if attempt is None else attempt + 1},
            system_attrs={} if planned is None else {"fixed_params": dict(self._spec.space.active(planned))},
        )

    def _finished(self, number: int, row: Mapping[str, Any]) -> FrozenTrial:
        clone = self._clone(number, row) if row["role"] == "clone" else {}
        point, drawn = self._drawn(number, row, clone)
        planned, ending = planned_point(self._spec, number, clone), self._ending(row)
        scores = recorded_reports(number, int(row["attempt"]), self._tables, self._spec)
        constraints = Constraints(self._spec.search.constraints)
        attrs: dict[str, Any] = {**clone, **self._attrs(number, row, point)}
        violations: Mapping[str, float] = {}
        if ending.state == "COMPLETE" and constraints.metrics:
            final = scores[int(row["steps"])].scores
            attrs[CONSTRAINED_KEY] = {metric: final[metric] for metric in constraints.metrics if metric in final}
            constraints.set_baseline(self._baseline_scores(before=row))
            violations = constraints.violations(attrs[CONSTRAINED_KEY])
        trial = create_trial(
            state=TrialState[ending.state],
            values=None if ending.values is None else list(ending.values),
            params={name: value for name, (_, value) in drawn.items()},
            distributions={name: distribution for name, (distribution, _) in drawn.items()},
            user_attrs=attrs,
            system_attrs={} if planned is None else {"fixed_params": dict(self._spec.space.active(planned))},
            constraints=dict(violations) or None,
        )
        trial.datetime_start = row["started"].to_pydatetime().replace(tzinfo=None)
        trial.datetime_complete = row["ended"].to_pydatetime().replace(tzinfo=None)
        return trial

    def _drawn(
        self, number: int, row: Mapping[str, Any], clone: Mapping[str, Any]
    ) -> tuple[Point, Mapping[str, tuple[BaseDistribution, Scalar]]]:
        """Give the point of a trial of the record, and what the sampler knows of it."""
        recorded = RecordedPoint(self._spec.space, recorded_values(row))
        planned = planned_point(self._spec, number, clone)
        if planned is None:
            return self._spec.space.draw(recorded), recorded.drawn
        for key in self._spec.space.active(planned):
            self._spec.space.dimensions[key].draw(key, recorded)
        return planned, recorded.drawn

    def _clone(self, number: int, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the plan of a trial that repeats another; which one, and by whose request, the record does not say."""
        point = home_point(self._spec.space, row)
        return {
            CLONE_KEY: clone_plan(number, point, seed=int(row["seed"]), request=f"rebuilt {number}", extended=False)
        }

    def _attrs(self, number: int, row: Mapping[str, Any], point: Point) -> Mapping[str, Any]:
        last = int(row["attempt"])
        attrs: dict[str, Any] = {"attempt": last, "started": row["started"].isoformat(), "reason": row["reason"]}
        for attempt in range(last + 1):
            for step, report in recorded_reports(number, attempt, self._tables, self._spec).items():
                exposure = exposure_of(
                    report.exposure,
                    report.progress,
                    metrics=self._metrics,
                    weighting=point["mixture.weighting.name"],
                )
                measured = Measured(report.values, exposure, report.seconds)
                attrs[report_key(attempt, step)] = report_cell(measured)
        return {**attrs, **self._requeued(number)}

    def _requeued(self, number: int) -> Mapping[str, Any]:
        """Give what the study notes of an attempt that ran out of memory, and of workers that were lost."""
        rows = self._tables.decisions
        rows = rows.loc[(rows["trial"] == number) & (rows["verdict"] == "REQUEUE")]
        attrs: dict[str, Any] = {}
        for row in rows.to_dict("records"):
            if row["reason"].startswith(MemoryExhaustedError.reason):
                reports = of_attempt(self._tables.reports, number, int(row["attempt"]))
                attrs[HALVED_KEY] = max((float(seconds) for seconds in reports["seconds"].tolist()), default=0.0)
            else:
                attrs["losses"] = attrs.get("losses", 0) + row["reason"].startswith("worker died")
        return attrs

    def _baseline_scores(self, *, before: Mapping[str, Any]) -> Mapping[str, float]:
        """Give the baseline's final scores, if they were known when a trial ended."""
        row = self._row(0)
        if row is None or row["state"] != "COMPLETE" or row["ended"] > before["ended"]:
            return {}
        return recorded_reports(0, int(row["attempt"]), self._tables, self._spec)[int(row["steps"])].scores

    def _ending(self, row: Mapping[str, Any]) -> Ending:
        return Ending(row["state"], row["reason"], _values(row, self._metrics))

    def _vectors(self, number: int, attempt: int) -> Mapping[int, tuple[float, ...]]:
        reports = recorded_reports(number, attempt, self._tables, self._spec)
        return {
            step: tuple(sign * value for sign, value in zip(self._signs, report.values, strict=True))
            for step, report in reports.items()
        }


def _values(row: Mapping[str, Any], metrics: Sequence[str]) -> tuple[float, ...] | None:
    return tuple(float(row[f"value.{metric}"]) for metric in metrics) if row["state"] == "COMPLETE" else None
