"""How far a sweep is, from its record alone, also while it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results import SweepTables, last_attempts, read_sweep
from results.summary import EndedTrial, Summary, summarise
from results.words import duration_text
from search.confirm_plan import read_plan
from search.folder_lock import work_in
from search.spec import SweepSpec
from search.sweep_spec import spec_of
from spaces.metrics import METRICS, shown_scores

STATES = ("COMPLETE", "PRUNED", "FAIL")


@dataclass(frozen=True)
class UnfinishedTrial:
    """A trial that has reported and not ended.

    Attributes:
        trial: Its number.
        attempt: From 0.
        step: Of its last report.
        steps: That it would take.
        scores: Of its last report, those of the objectives and their controls.
        recorded: When that report came, in UTC.

    """

    trial: int
    attempt: int
    step: int
    steps: int
    scores: Mapping[str, float]
    recorded: datetime


@dataclass(frozen=True)
class FrontTrial:
    """A trial of the front, or the baseline.

    Attributes:
        trial: Its number.
        role: ``baseline``, ``preset``, ``clone`` or ``search``.
        on_front: Whether no completed trial dominates it.
        values: Final objectives by name.
        settings: Searched settings that differ between trials, by key.

    """

    trial: int
    role: str
    on_front: bool
    values: Mapping[str, float | None]
    settings: Mapping[str, object]


@dataclass(frozen=True)
class Confirming:
    """How far ``paretune confirm`` is.

    Attributes:
        split: ``confirm``, or ``test`` once that was opened.
        done: Runs that were scored on it, or have failed.
        runs: All of the list.

    """

    split: str
    done: int
    runs: int


@dataclass(frozen=True)
class SweepStatus:
    """How far a sweep is.

    Attributes:
        folder: Of the sweep.
        is_running: Whether a sweep's driver works there now.
        confirming: How far ``paretune confirm`` is; ``None`` unless it works there now.
        trials: That the sweep may run.
        ended: Of them that have ended.
        states: Number of ended trials by state.
        objectives: Names.
        running: Trials that have reported and not ended.
        front: The front, best in the first objective first, and the baseline.
        hypervolume: Of the front against the baseline's reference point; ``None`` before the baseline has completed.
        seconds_left: Estimate from the times of ended trials; ``None`` before one has ended, or if nothing runs.

    """

    folder: str
    is_running: bool
    confirming: Confirming | None
    trials: int
    ended: int
    states: Mapping[str, int]
    objectives: tuple[str, ...]
    running: tuple[UnfinishedTrial, ...]
    front: tuple[FrontTrial, ...]
    hypervolume: float | None
    seconds_left: float | None

    def result(self) -> dict[str, Any]:
        """Give it for programs."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Say it to a person."""
        lines = [self.counts()]
        for one in self.running:
            shown = shown_scores(self.objectives, one.scores)
            lines.append(f"trial {one.trial} not ended, step {one.step} of {one.steps}: {shown}")
        if self.hypervolume is not None:
            lines.append(f"hypervolume {self.hypervolume:.4g}, {sum(one.on_front for one in self.front)} on the front")
        if self.seconds_left is not None:
            lines.append(f"about {duration_text(self.seconds_left)} left")
        if self.confirming:
            now = self.confirming
            lines.append(f"paretune confirm works there now: {now.done} of {now.runs} runs scored on {now.split}")
        elif self.ended < self.trials and not self.is_running:
            lines.append(f"no driver works there now; go on by: paretune resume {self.folder}")
        return lines

    def counts(self) -> str:
        """Say how many trials have ended, and how."""
        counts = ", ".join(f"{count} {state}" for state, count in self.states.items() if count)
        return f"{self.ended} of {self.trials} trials ended{f': {counts}' if counts else ''}"


def status_of(folder: Path) -> SweepStatus:
    """Read how far a sweep is.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    work = work_in(folder)  # first: a driver that ends in between leaves a record that says so
    tables, spec = read_sweep(folder), spec_of(folder)
    summary = summarise(tables)
    ended = tables.trials.drop_duplicates("trial", keep="last")
    counts = Counter(ended["state"])
    running = _unfinished(tables, ended, spec)
    return SweepStatus(
        folder=str(folder),
        is_running=work == "sweep",
        confirming=_confirming(folder, tables) if work == "confirm" else None,
        trials=max(spec.search.trials, len(ended)),
        ended=len(ended),
        states={state: counts[state] for state in STATES},
        objectives=tuple(objective.metric for objective in spec.objectives),
        running=running,
        front=_front(summary),
        hypervolume=summary.hypervolumes[-1] if summary.hypervolumes else None,
        seconds_left=_seconds_left(ended, running, spec) if work == "sweep" else None,
    )


def _confirming(folder: Path, tables: SweepTables) -> Confirming | None:
    plan = read_plan(folder)
    if plan is None:
        return None
    split = "confirm" if plan.test_opened is None else "test"
    rows = tables.confirmations
    return Confirming(split, int(rows.loc[rows["split"] == split, "run"].nunique()), len(plan.runs))


def _unfinished(tables: SweepTables, ended: pd.DataFrame, spec: SweepSpec) -> tuple[UnfinishedTrial, ...]:
    reports = last_attempts(tables.reports)
    open_ones = reports.loc[~reports["trial"].isin(ended["trial"])].sort_values("step")
    last = open_ones.drop_duplicates("trial", keep="last").sort_values("trial")
    return tuple(
        UnfinishedTrial(
            trial=int(row["trial"]),
            attempt=int(row["attempt"]),
            step=int(row["step"]),
            steps=spec.trial.steps,
            scores={name: row[f"metric.{name}"] for name in METRICS if pd.notna(row.get(f"metric.{name}"))},
            recorded=row["recorded"].to_pydatetime(),
        )
        for row in last.to_dict("records")
    )


def _front(summary: Summary) -> tuple[FrontTrial, ...]:
    shown: list[EndedTrial] = list(summary.front)
    if summary.baseline and not summary.baseline.on_front:
        shown.append(summary.baseline)
    names = [objective.name for objective in summary.objectives]
    return tuple(
        FrontTrial(
            trial=one.trial,
            role=one.role,
            on_front=one.on_front,
            values=dict(zip(names, one.values, strict=True)),
            settings={
                key: value.item() if isinstance(value, np.generic) else value
                for key, value in zip(summary.param_names, one.params, strict=True)
                if value is not None
            },
        )
        for one in shown
    )


def _seconds_left(ended: pd.DataFrame, running: Sequence[UnfinishedTrial], spec: SweepSpec) -> float | None:
    """Estimate the time to the last trial from the mean time of those that have ended, stopped ones included."""
    if ended.empty:
        return None
    mean_s = float((ended["ended"] - ended["started"]).dt.total_seconds().mean())
    now = datetime.now(UTC)
    rest = [max(mean_s * (1 - one.step / one.steps) - (now - one.recorded).total_seconds(), 0.0) for one in running]
    waiting = max(spec.search.trials - len(ended) - len(running), 0)
    return max([(sum(rest) + mean_s * waiting) / spec.search.concurrency, *rest])
