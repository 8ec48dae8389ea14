"""What a report says about a sweep, computed once and shared by HTML, Markdown and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from results import pareto
from results.errors import ResultsError
from results.pruning_audit import Audit, audit
from results.reader import SweepTables, last_reports
from results.schema import Direction, Objective

PARSE_FAILURE_RATE = "grounding.parse_failure_rate"
_GROUNDING = "grounding."
_CONSTANT_BOX = "grounding.constant_box_"


@dataclass(frozen=True)
class EndedTrial:
    """A trial as a row of the report.

    Attributes:
        trial: Its number.
        state: ``COMPLETE``, ``PRUNED`` or ``FAIL``.
        reason: Why it ended so.
        role: ``baseline``, ``preset``, ``clone`` or ``search``.
        steps: Last step that was reported.
        seconds: Time it took.
        values: Final objective scores; ``None`` where there is none.
        scores: Cells of the summary's ``score_names``: each objective, and beside grounding scores their controls.
        params: Cells of the summary's ``param_names``.
        on_front: Whether no completed trial dominates it.

    """

    trial: int
    state: str
    reason: str
    role: str
    steps: int
    seconds: float
    values: tuple[float | None, ...]
    scores: tuple[float | None, ...]
    params: tuple[object, ...]
    on_front: bool

    @cached_property
    def point(self) -> tuple[float, ...] | None:
        """The objective scores if the trial completed with all of them finite."""
        known = tuple(value for value in self.values if value is not None and np.isfinite(value))
        return known if self.state == "COMPLETE" and len(known) == len(self.values) else None


@dataclass(frozen=True)
class Rung:
    """What became of the ended trials that reached one step.

    Attributes:
        step: The step.
        reached: Trials that reported at or after it.
        pruned: Trials that were pruned at it.
        failed: Trials that failed after it and before their next report.

    """

    step: int
    reached: int
    pruned: int
    failed: int


@dataclass(frozen=True)
class Summary:
    """A sweep in the terms of its report.

    Attributes:
        objectives: The objectives.
        score_names: Score columns of the table, objectives and controls.
        param_names: Parameters with several values among ended trials, without their ``param.`` prefix.
        trials: Ended trials in order of ending.
        running: Number of trials that have reported and not ended.
        front: The front, best in the first objective first.
        baseline: The first baseline that completed.
        failed_baseline: A baseline that ended otherwise, where none completed.
        reference: Reference point of the hypervolume; ``None`` without a baseline.
        hypervolumes: Hypervolume after each ended trial; empty without a reference.
        knee: The trial at the front's knee.
        constant_box: Score of the constant box for each objective that has one, by objective name.
        missing_controls: Controls of grounding objectives that no completed trial reported.
        rungs: Where trials were stopped.
        steps_run: Optimizer steps of all ended trials.
        steps_saved: Steps that pruned trials did not take.
        audit: What became of trials that the pruner was not let stop.
        metadata: Spec and lineage.

    """

    objectives: tuple[Objective, ...]
    score_names: tuple[str, ...]
    param_names: tuple[str, ...]
    trials: tuple[EndedTrial, ...]
    running: int
    front: tuple[EndedTrial, ...]
    baseline: EndedTrial | None
    failed_baseline: EndedTrial | None
    reference: tuple[float, ...] | None
    hypervolumes: tuple[float, ...]
    knee: EndedTrial | None
    constant_box: Mapping[str, float]
    missing_controls: tuple[str, ...]
    rungs: tuple[Rung, ...]
    steps_run: int
    steps_saved: int
    audit: Audit
    metadata: Mapping[str, str]

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction of each objective."""
        return tuple(objective.direction for objective in self.objectives)

    def in_state(self, state: str) -> tuple[EndedTrial, ...]:
        """Give the ended trials of one state."""
        return tuple(trial for trial in self.trials if trial.state == state)

    @property
    def completed(self) -> tuple[EndedTrial, ...]:
        """The trials with a finite final score in every objective."""
        return tuple(trial for trial in self.trials if trial.point is not None)

    @property
    def far_off(self) -> tuple[EndedTrial, ...]:
        """The completed trials so much worse than most that the figure of the front leaves them out."""
        worse = pareto.far_worse([trial.point or () for trial in self.completed], self.directions)
        return tuple(
            trial
            for trial, is_worse in zip(self.completed, worse, strict=True)
            if is_worse and trial is not self.baseline
        )


def summarise(tables: SweepTables) -> Summary:
    """Compute what the report says.

    Raises:
        ResultsError: If the sweep has no objective.

    """
    objectives = tables.columns.objectives
    if not objectives:
        raise ResultsError("the sweep declares no objective; a report needs at least one")
    ended = tables.trials.drop_duplicates("trial", keep="last")
    finals = last_reports(tables.reports)
    names = _score_names(objectives)
    trials = _ended_trials(ended, finals, objectives=objectives, names=names)
    directions: list[Direction] = [objective.direction for objective in objectives]
    points = [trial.point or (np.nan,) * len(objectives) for trial in trials]
    front = _front(trials, objectives[0])
    baselines = [trial for trial in trials if trial.role == "baseline"]
    baseline = next((trial for trial in baselines if trial.point), None)
    reference = None if baseline is None else pareto.reference_point(baseline.point or (), objectives)
    history = () if reference is None else pareto.hypervolume_history(points, directions, reference=reference)
    knee = None
    if len(objectives) == 2 and front:
        knee = pareto.knee([trial.point for trial in front if trial.point], directions)
    return Summary(
        objectives=objectives,
        score_names=names,
        param_names=_varying(ended),
        trials=trials,
        running=len(set(finals.index) - set(ended["trial"])),
        front=front,
        baseline=baseline,
        failed_baseline=baselines[-1] if baselines and baseline is None else None,
        reference=None if reference is None else tuple(reference.tolist()),
        hypervolumes=tuple(float(area) for area in history),
        knee=None if knee is None else front[knee],
        constant_box=_constant_box(trials, names, baseline=baseline),
        missing_controls=tuple(
            dict.fromkeys(
                name
                for index, name in enumerate(names)
                if _is_control(name) and all(trial.scores[index] is None for trial in trials if trial.point)
            )
        ),
        rungs=_rungs(ended, tables.decisions),
        steps_run=sum(trial.steps for trial in trials),
        steps_saved=_steps_saved(ended, finals),
        audit=audit(
            tables.decisions,
            completed=[trial.trial for trial in trials if trial.point],
            front=[trial.trial for trial in front],
        ),
        metadata=tables.metadata,
    )


def constant_box_name(objective: str) -> str | None:
    """Give the score of the constant box that belongs beside a grounding score, or ``None`` for another score."""
    if not objective.startswith(_GROUNDING) or _is_control(objective):
        return None
    return _CONSTANT_BOX + objective.removeprefix(_GROUNDING)


def _is_control(name: str) -> bool:
    return name.startswith(_CONSTANT_BOX) or name == PARSE_FAILURE_RATE


def _score_names(objectives: Sequence[Objective]) -> tuple[str, ...]:
    names: list[str] = []
    for objective in objectives:
        names.append(objective.name)
        if constant_box := constant_box_name(objective.name):
            names += [constant_box, PARSE_FAILURE_RATE]
    return tuple(names)


def _varying(ended: pd.DataFrame) -> tuple[str, ...]:
    columns = [name for name in ended.columns if name.startswith("param.")]
    return tuple(name.removeprefix("param.") for name in columns if len(set(ended[name].dropna().tolist())) > 1)


def _ended_trials(
    ended: pd.DataFrame, finals: pd.DataFrame, *, objectives: Sequence[Objective], names: Sequence[str]
) -> tuple[EndedTrial, ...]:
    values = [_numbers(ended[f"value.{objective.name}"]) for objective in objectives]
    own = {objective.name: column for objective, column in zip(objectives, values, strict=True)}
    at_end = finals.reindex(ended["trial"])
    complete = (ended["state"] == "COMPLETE").to_numpy()
    scores = [own[name] if name in own else _final_scores(at_end, name, complete=complete) for name in names]
    front = pareto.nondominated(
        np.array([[np.nan if cell is None else cell for cell in column] for column in values], dtype=float).T,
        [objective.direction for objective in objectives],
    )
    params = [_cells(ended[f"param.{name}"]) for name in _varying(ended)]
    return tuple(
        EndedTrial(
            trial=int(row["trial"]),
            state=row["state"],
            reason=row["reason"] or "",
            role=row["role"],
            steps=int(row["steps"]),
            seconds=float(row["seconds"]),
            values=tuple(column[index] for column in values),
            scores=tuple(column[index] for column in scores),
            params=tuple(column[index] for column in params),
            on_front=bool(front[index]),
        )
        for index, row in enumerate(ended.to_dict("records"))
    )


def _final_scores(at_end: pd.DataFrame, name: str, *, complete: np.ndarray) -> list[float | None]:
    column = f"metric.{name}"
    if column not in at_end.columns:
        return [None] * len(at_end)
    return [value if done else None for value, done in zip(_numbers(at_end[column]), complete, strict=True)]


def _numbers(column: Any) -> list[float | None]:
    numbers = column.to_numpy(float, na_value=np.nan).tolist()
    return [None if math.isnan(number) else number for number in numbers]


def _cells(column: Any) -> list[object]:
    missing = column.isna().tolist()
    return [None if is_missing else value for is_missing, value in zip(missing, column.tolist(), strict=True)]


def _front(trials: Sequence[EndedTrial], first: Objective) -> tuple[EndedTrial, ...]:
    members = [(trial.point[0], trial) for trial in trials if trial.on_front and trial.point]
    sign = -1 if first.direction == "maximize" else 1
    return tuple(trial for _, trial in sorted(members, key=lambda member: (sign * member[0], member[1].trial)))


def _constant_box(
    trials: Sequence[EndedTrial], names: Sequence[str], *, baseline: EndedTrial | None
) -> dict[str, float]:
    """Take the baseline's, or the median where the baseline has none: all trials are scored on the same rows."""
    found: dict[str, float] = {}
    for index, name in enumerate(names):
        control = constant_box_name(name)
        if control is None:
            continue
        column = names.index(control)
        seen = [score for trial in trials if (score := trial.scores[column]) is not None]
        own = baseline.scores[column] if baseline else None
        if seen:
            found[names[index]] = float(np.median(seen)) if own is None else own
    return found


def _rungs(ended: pd.DataFrame, decisions: pd.DataFrame) -> tuple[Rung, ...]:
    steps = np.asarray(ended["steps"])
    state = np.asarray(ended["state"])
    decided = np.asarray(decisions.loc[decisions["trial"].isin(ended["trial"]), "step"])
    marks = sorted({int(step) for step in (*steps, *decided) if step > 0})
    return tuple(
        Rung(
            step=mark,
            reached=int((steps >= mark).sum()),
            pruned=int(((steps == mark) & (state == "PRUNED")).sum()),
            failed=int(((steps == mark) & (state == "FAIL")).sum()),
        )
        for mark in marks
    )


def _steps_saved(ended: pd.DataFrame, finals: pd.DataFrame) -> int:
    """Sum, over pruned trials, the steps between the last report and the end that its progress implies."""
    pruned = finals.loc[finals.index.isin(ended.loc[ended["state"] == "PRUNED", "trial"])]
    step, progress = np.asarray(pruned["step"], float), np.asarray(pruned["progress"], float)
    known = progress > 0
    return int(np.round(step[known] / progress[known] - step[known]).sum())
