"""Rebuilds a hub after its driver died, from the study and the record alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from results import SweepTables, read_sweep, read_sweep_json
from search.companion import Companion
from search.hub import FINAL_STEP, Hub
from search.interfaces import Listener
from search.pruners import make_pruner
from search.recorder import Ending, Recorder
from search.requests import RequestFiles
from search.spec import SweepSpec
from search.study import open_studies
from search.study_trials import IMPORTED_KEY, StudyTrials
from search.trial_files import TrialFiles
from search.vectors import RecordedReport, attempt_of
from search.warm_start import import_trials, read_warm_starts
from spaces import METRICS


def open_hub(spec: SweepSpec, folder: Path, *, listener: Listener, is_over: Callable[[], bool]) -> Hub:
    """Open a sweep's hub with everything that earlier drivers measured and decided in the folder.

    Args:
        spec: The sweep.
        folder: With its ``sweep.json``.
        listener: Hears of every event, the late endings of trials that a dead driver left included.
        is_over: Tells whether the sweep should stop.

    Raises:
        ResultsError: If the record can't be read.
        SearchError: If the study can't be opened.
        WarmStartError: If the sweeps of ``search.warm_start`` can't be read, or tell nothing.

    """
    studies = open_studies(
        folder, storage=spec.search.storage, directions=[objective.direction for objective in spec.objectives]
    )
    metadata = read_sweep_json(folder).metadata
    if spec.search.warm_start and IMPORTED_KEY not in studies.main.user_attrs:
        import_trials(studies.main, read_warm_starts(spec, data_hash=metadata["data_hash"]))
    companion = Companion(studies.companion, [objective.metric for objective in spec.objectives])
    companion.close_strays()
    hub = Hub(
        spec,
        studies.main,
        companion=companion,
        recorder=Recorder(folder, spec, metadata),
        pruner=make_pruner(spec, studies.companion),
        listener=listener,
        is_over=is_over,
        files=TrialFiles(folder),
        requests=RequestFiles(folder),
    )
    trials = StudyTrials(studies.main, sampler=spec.search.sampler, seed=spec.search.seed)
    _recover(hub, trials, tables=read_sweep(folder), spec=spec)
    return hub


def _recover(hub: Hub, trials: StudyTrials, *, tables: SweepTables, spec: SweepSpec) -> None:
    """Take in finished trials; end or adopt the running ones.

    A trial that was running is ended if the record holds its end, the decision to end it, or its last report; else it
    is adopted: it goes on after its last report. Finished trials come first, since decisions are made from them.
    """
    stored = list(trials.stored())
    for number, trial in stored:
        if trial.state.is_finished():
            hub.remember(number, Ending(_state_of(trial), trial.user_attrs.get("reason", ""), _values_of(trial)))
    for number, trial in stored:
        if trial.state == TrialState.RUNNING:
            _take_up(hub, number, attempt_of(trial.user_attrs), tables, spec)


def _take_up(hub: Hub, number: int, attempt: int, tables: SweepTables, spec: SweepSpec) -> None:
    reported = _reported(number, attempt, tables, spec)
    recorded = tables.trials.loc[tables.trials["trial"] == number]
    if len(recorded):
        row = recorded.to_dict("records")[-1]
        values = reported[spec.trial.steps].values if row["state"] == "COMPLETE" else None
        ending = Ending(row["state"], row["reason"], values)
        hub.finish_adopted(number, ending, reported=reported, is_recorded=True, is_decided=True)
        return
    decisions = _of_attempt(tables.decisions, number, attempt)
    ending = _decided_ending(decisions, reported, steps=spec.trial.steps)
    decided = frozenset(int(step) for step in decisions.loc[decisions["verdict"] != "REQUEUE", "step"])
    if ending is None:
        hub.adopt(number, reported=reported, decided=decided)
    else:
        is_decided = max(reported, default=0) in decided
        hub.finish_adopted(number, ending, reported=reported, is_recorded=False, is_decided=is_decided)


def _reported(number: int, attempt: int, tables: SweepTables, spec: SweepSpec) -> dict[int, RecordedReport]:
    """Give an attempt's reports by step, without those that lack an objective."""
    names = [f"metric.{objective.metric}" for objective in spec.objectives]
    rows = _of_attempt(tables.reports, number, attempt).dropna(subset=names)
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


def _decided_ending(decisions: pd.DataFrame, reported: dict[int, RecordedReport], *, steps: int) -> Ending | None:
    if steps in reported:
        return Ending("COMPLETE", FINAL_STEP, reported[steps].values)
    stops = decisions.loc[decisions["verdict"] == "STOP"]
    if len(stops):
        row = stops.to_dict("records")[-1]
        return Ending("FAIL" if row["reason"].startswith(("bad data", "timeout")) else "PRUNED", row["reason"])
    return None


def _of_attempt(rows: pd.DataFrame, number: int, attempt: int) -> pd.DataFrame:
    return rows.loc[(rows["trial"] == number) & (rows["attempt"] == attempt)]


def _state_of(trial: FrozenTrial) -> Any:
    return trial.state.name


def _values_of(trial: FrozenTrial) -> tuple[float, ...] | None:
    return tuple(trial.values) if trial.values is not None else None
