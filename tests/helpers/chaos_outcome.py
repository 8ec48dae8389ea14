"""What a finished sweep holds, to be compared with another, and what its journal says of the work that was done."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from results import read_sweep
from search.study import open_studies

_TIMES = {"started", "ended", "recorded", "seconds"}
_UNKEPT = ("started", "seconds", "losses")
"""User attributes that say when a trial ran and how often its worker died."""


@dataclass(frozen=True)
class Outcome:
    """A sweep without its times.

    Attributes:
        trials: Rows in order of ending, with parameters and final values.
        decisions: Rows in order of arrival.
        reports: Rows in order of arrival, with all scores and losses.
        study: Number, state, values, parameters and user attributes of every trial of the Optuna study.
        curves: State and points of every trial's curve in the companion study.

    """

    trials: pd.DataFrame
    decisions: pd.DataFrame
    reports: pd.DataFrame
    study: list[tuple[Any, ...]]
    curves: dict[int, tuple[str, dict[int, float]]]


def outcome_of(folder: Path) -> Outcome:
    """Read a finished sweep.

    Raises:
        AssertionError: If a trial or a report stands twice in its record.

    """
    tables = read_sweep(folder)
    decisions = tables.decisions.loc[tables.decisions["verdict"] != "REQUEUE"]
    for rows, key in (
        (tables.trials, ["trial"]),
        (tables.reports, ["trial", "attempt", "step"]),
        (decisions, ["trial", "attempt", "step"]),
    ):
        assert not rows.duplicated(key).any(), f"{folder}: rows stand twice:\n{rows.loc[rows.duplicated(key, keep=False)]}"
    directions = [objective.direction for objective in tables.columns.objectives]
    studies = open_studies(folder, storage=None, directions=directions)
    return Outcome(
        trials=_timeless(tables.trials),
        decisions=_timeless(decisions)[["trial", "attempt", "step", "verdict", "pruner", "reason"]],
        reports=_timeless(tables.reports),
        study=[
            (trial.number, trial.state.name, trial.values, trial.params, _kept(trial.user_attrs))
            for trial in studies.main.get_trials()
        ],
        curves={
            trial.user_attrs["trial"]: (trial.state.name, trial.intermediate_values)
            for trial in studies.companion.get_trials()
            if trial.state.name != "FAIL"
        },
    )


def _timeless(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=[name for name in rows.columns if name in _TIMES]).reset_index(drop=True)


def _kept(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attrs.items() if key not in _UNKEPT}


def check_same(found: Outcome, wanted: Outcome) -> None:
    """Check that two sweeps made the same trials, decisions and scores, bit for bit and in the same order.

    Raises:
        AssertionError: If not.

    """
    for name in ("trials", "decisions", "reports"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(wanted, name), check_exact=True, obj=name)
    assert found.study == wanted.study
    assert found.curves == wanted.curves


@dataclass
class Work:
    """What was trained to make a sweep.

    Attributes:
        trained: Training steps that began, repeated ones included.
        repeated: Of these, steps that were thrown away by an interruption after they began.
        interruptions: How often a trial went back to a step that had begun before.
        most_repeated: Steps that one interruption cost at most.
        adopted: Trials that were handed out again after a report.
        faults: What must not happen.

    """

    trained: int = 0
    repeated: int = 0
    interruptions: int = 0
    most_repeated: int = 0
    adopted: int = 0
    faults: list[str] = field(default_factory=list)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a journal."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def work_of(journal: Iterable[Mapping[str, Any]], *, report_steps: Sequence[int]) -> Work:
    """Measure the work of a sweep, attempt 0 of every trial, and find steps that should not have been repeated.

    A trial is handed out with the last step that the record holds; no step up to there is trained again; and it goes
    back by no more than the steps between two reports.

    Args:
        journal: Of all drivers and workers of the sweep.
        report_steps: Steps at which a trial reports.

    """
    work = Work()
    recorded: dict[int, int] = defaultdict(int)
    begun: dict[int, int] = defaultdict(int)
    handed: set[int] = set()
    for event in journal:
        match event["event"]:
            case "write" if event["name"] == "append_report":
                trial, step = event["about"]["trial"], event["about"]["step"]
                if step <= recorded[trial]:
                    work.faults.append(f"trial {trial} reported step {step} again")
                recorded[trial] = max(step, recorded[trial])
            case "handed":
                trial, start = event["trial"], event["from_step"]
                if start != event["recorded"] or start < recorded[trial]:
                    work.faults.append(f"trial {trial} starts from step {start}, not from what is recorded: {event}")
                if start and not event["has_checkpoint"]:
                    work.faults.append(f"trial {trial} starts from step {start} without a checkpoint")
                recorded[trial] = event["recorded"]
                work.adopted += trial in handed and start > 0
                handed.add(trial)
            case "trains":
                trial, step = event["trial"], event["step"]
                work.trained += 1
                if step <= recorded[trial]:
                    work.faults.append(f"trial {trial} trains step {step} again, {recorded[trial]} is recorded")
                if step > begun[trial] + 1:
                    work.faults.append(f"trial {trial} jumps from step {begun[trial]} to {step}")
                if step <= begun[trial]:
                    work.interruptions += 1
                    work.repeated += begun[trial] - step + 1
                    work.most_repeated = max(work.most_repeated, begun[trial] - step + 1)
                    if any(step <= report < begun[trial] for report in report_steps):
                        work.faults.append(f"trial {trial} goes back from step {begun[trial]} to {step}")
                begun[trial] = step
    return work
