"""Rebuilds a hub after its driver died, from the study and the record alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from results import SweepTables, read_sweep
from search.companion import Companion
from search.hub import FINAL_STEP, Hub
from search.interfaces import Listener
from search.kept_checkpoints import KeptCheckpoints, checkpoint_place
from search.pruners import make_pruner
from search.rebuild import Rebuilder, set_aside
from search.recorded import of_attempt, recorded_reports
from search.recorder import Ending, Recorder, record_columns
from search.requests import RequestFiles
from search.spec import SweepSpec
from search.study import open_studies
from search.study_trials import IMPORTED_KEY, StudyTrials
from search.vectors import RecordedReport, attempt_of
from search.warm_start import import_trials, read_warm_starts

_log = logging.getLogger(__name__)


def open_hub(
    spec: SweepSpec,
    folder: Path,
    *,
    listener: Listener,
    is_over: Callable[[], bool],
    rebuild_study: bool = False,
) -> Hub:
    """Open a sweep's hub with everything that earlier drivers measured and decided in the folder.

    Args:
        spec: The sweep.
        folder: With its ``sweep.json``.
        listener: Hears of every event, the late endings of trials that a dead driver left included.
        is_over: Tells whether the sweep should stop.
        rebuild_study: Whether to put ``study.db`` aside, if there is one, and to make it anew from the record.

    Raises:
        ResultsError: If the record can't be read.
        StudyError: If the study is lost or damaged, or another sweep's.
        SearchError: If the study can't be opened.
        OSError: If the checkpoints can't be reached.
        WarmStartError: If the sweeps of ``search.warm_start`` can't be read, or tell nothing.

    """
    tables, storage = read_sweep(folder), spec.search.storage
    if rebuild_study and storage is None and (aside := set_aside(folder)):
        _log.warning("the study is rebuilt from the record; the earlier one is %s", aside)
    studies = open_studies(
        folder,
        storage=storage,
        directions=[objective.direction for objective in spec.objectives],
        must_exist=not rebuild_study and any(map(len, (tables.trials, tables.reports, tables.decisions))),
    )
    if spec.search.warm_start and IMPORTED_KEY not in studies.main.user_attrs:
        import_trials(studies.main, read_warm_starts(spec, data_hash=tables.metadata["data_hash"]))
    companion = Companion(studies.companion, [objective.metric for objective in spec.objectives])
    companion.close_strays()
    trials = StudyTrials(studies.main, sampler=spec.search.sampler, seed=spec.search.seed)
    rebuilder = Rebuilder(spec, tables, companion)
    rebuilder.check(trials, folder)
    if (restored := rebuilder.restore(trials)) and not rebuild_study:
        _log.warning("the study lacked %d trials, or parts of them; they were taken from the record", restored)
    hub = Hub(
        spec,
        studies.main,
        companion=companion,
        recorder=Recorder(folder, spec, tables.metadata),
        pruner=make_pruner(spec, studies.companion),
        listener=listener,
        is_over=is_over,
        files=KeptCheckpoints(checkpoint_place(spec, folder).open(), record_columns(spec).objectives),
        requests=RequestFiles(folder),
    )
    hub.take_orders()  # what was asked while no driver worked counts for what is decided now
    _recover(hub, trials, tables=tables, spec=spec)
    hub.tidy()
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
    reported = recorded_reports(number, attempt, tables, spec)
    recorded = tables.trials.loc[tables.trials["trial"] == number]
    if len(recorded):
        row = recorded.to_dict("records")[-1]
        values = reported[spec.trial.steps].values if row["state"] == "COMPLETE" else None
        ending = Ending(row["state"], row["reason"], values)
        hub.finish_adopted(number, ending, reported=reported, is_recorded=True, is_decided=True)
        return
    decisions = of_attempt(tables.decisions, number, attempt)
    ending = _decided_ending(decisions, reported, steps=spec.trial.steps)
    decided = frozenset(int(step) for step in decisions.loc[decisions["verdict"] != "REQUEUE", "step"])
    if ending is None:
        hub.adopt(number, reported=reported, decided=decided)
    else:
        is_decided = max(reported, default=0) in decided
        hub.finish_adopted(number, ending, reported=reported, is_recorded=False, is_decided=is_decided)


def _decided_ending(decisions: pd.DataFrame, reported: dict[int, RecordedReport], *, steps: int) -> Ending | None:
    if steps in reported:
        return Ending("COMPLETE", FINAL_STEP, reported[steps].values)
    stops = decisions.loc[decisions["verdict"] == "STOP"]
    if len(stops):
        reason = stops.to_dict("records")[-1]["reason"]
        return Ending("FAIL" if reason.startswith(("bad data", "diverged", "timeout")) else "PRUNED", reason)
    return None


def _state_of(trial: FrozenTrial) -> Any:
    return trial.state.name


def _values_of(trial: FrozenTrial) -> tuple[float, ...] | None:
    return tuple(trial.values) if trial.values is not None else None
