"""Runs a sweep or goes on with one: study, record, hub and Ray wired together."""

from __future__ import annotations

import functools
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ray import tune

from results import read_sweep, write_sweep_json
from results.sweep_file import SWEEP_FILE
from search.cluster import Cluster, connected_ray
from search.errors import ClusterError, FolderError, RayLost
from search.folder_lock import locked
from search.interfaces import Listener
from search.interruption import Interruption
from search.lost_workers import GuardedScheduler
from search.probe import check_nodes
from search.recorder import record_columns
from search.recovery import open_hub
from search.searcher import HubSearcher
from search.spec import SearchConfig, SweepSpec, end_of
from search.sweep_spec import SPEC_KEY, spec_of
from search.trial_files import TrialFiles
from search.watchdog import Watchdog
from trainable.ray_entry import RayTrial

_MOST_FITS = 3
_MOST_LOSSES = 3
_FAILED, _INTERRUPTED = 1, 130  # as search.cli has them


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended.

    Attributes:
        ended: Trials that ended, in this run and before.
        completed: Of these, trials that ran to the last step.
        is_suspended: Whether trials are left that ``resume`` would run.
        last_failure: Reason of the latest failed trial, or an empty text.
        signal: Name of the signal that ended this run, or an empty text.

    """

    ended: int
    completed: int
    is_suspended: bool
    last_failure: str
    signal: str


def start_sweep(
    spec: SweepSpec, folder: Path, *, lineage: Mapping[str, str], listener: Listener, say: Callable[[str], None]
) -> Outcome:
    """Run a new sweep in a folder.

    Args:
        spec: The sweep.
        folder: Holds no sweep; it gets one once the cluster is found fit.
        lineage: Where the sweep comes from, for its record.
        listener: Hears of every event of a trial.
        say: Tells a person what happens to the sweep as a whole.

    Raises:
        FolderError: If the folder holds a sweep already.
        BusyError: If another process works in the folder.
        UnfitClusterError: If there is no cluster or its nodes can't run the trials.
        ClusterError: If Ray is lost and can't be started anew.
        Interrupted: On a second SIGINT or SIGTERM; ``resume_sweep`` goes on.

    """
    if (folder / SWEEP_FILE).exists():
        raise FolderError(f"{folder} holds a sweep already; go on with it by 'paretune resume {folder}'")
    folder.mkdir(parents=True, exist_ok=True)
    metadata = {SPEC_KEY: spec.model_dump_json(), **lineage}
    with locked(folder):
        return _search(
            spec,
            folder,
            listener,
            say,
            begin=lambda: write_sweep_json(folder, record_columns(spec), metadata=metadata),
        )


def resume_sweep(folder: Path, *, address: str | None, listener: Listener, say: Callable[[str], None]) -> Outcome:
    """Go on with a sweep from its study and its record; Ray's own state is not needed.

    Args:
        folder: Of the sweep.
        address: Of the Ray to run on; the sweep's own if absent.
        listener: Hears of every event of a trial.
        say: Tells a person what happens to the sweep as a whole.

    Raises:
        ResultsError: If the folder holds no readable sweep.
        BusyError: If another process works in the folder.
        UnfitClusterError: If there is no cluster or its nodes can't run the trials.
        ClusterError: If Ray is lost and can't be started anew.
        Interrupted: On a second SIGINT or SIGTERM.

    """
    spec = spec_of(folder)
    if address is not None:
        spec = spec.model_copy(update={"search": spec.search.model_copy(update={"address": address})})
    with locked(folder):
        return _search(spec, folder, listener, say, begin=lambda: None)


def _search(
    spec: SweepSpec, folder: Path, listener: Listener, say: Callable[[str], None], *, begin: Callable[[], object]
) -> Outcome:
    """Search until nothing is left to do; start Ray anew if it is lost, as long as trials get on in between."""
    is_late, losses, reports = _deadline(spec.search), 0, -1
    with Interruption(say) as interruption:

        def is_over() -> bool:
            return bool(interruption.signal) or is_late()

        while True:
            try:
                return _run(spec, folder, listener, say, begin=begin, interruption=interruption, is_over=is_over)
            except RayLost as loss:
                before, reports = reports, len(read_sweep(folder).reports)
                losses = losses + 1 if reports == before else 1
                if spec.search.address != "local" or losses > _MOST_LOSSES:
                    raise ClusterError(_gone(str(loss), folder)) from loss
                say(f"{loss}; Ray starts anew, and trials go on from their last reports")
                begin = _nothing


def _run(
    spec: SweepSpec,
    folder: Path,
    listener: Listener,
    say: Callable[[str], None],
    *,
    begin: Callable[[], object],
    interruption: Interruption,
    is_over: Callable[[], bool],
) -> Outcome:
    """Search with one Ray, from what the folder holds to the end or to the loss of that Ray."""

    def last_words(reason: str) -> int:
        say(_gone(f"interrupted by {interruption.signal}" if interruption.signal else reason, folder))
        return _INTERRUPTED if interruption.signal else _FAILED

    with connected_ray(spec) as cluster:
        interruption.install()  # again: starting Ray replaces the handler of SIGTERM
        check_nodes(spec, folder, is_own=cluster.is_own)
        begin()
        hub = open_hub(spec, folder, listener=listener, is_over=is_over)
        watchdog = Watchdog(cluster.loss, last_words=last_words)
        guard = functools.partial(
            GuardedScheduler,
            hub,
            check=watchdog.check,
            is_interrupted=lambda: bool(interruption.signal),
            is_over=is_over,
        )
        try:
            with watchdog:
                for _ in range(_MOST_FITS):
                    if not hub.has_budget:
                        break
                    _fit(spec, cluster, HubSearcher(hub, TrialFiles(folder)), guard())
                    shutil.rmtree(cluster.scratch, ignore_errors=True)
        except RayLost:
            if not interruption.signal:
                raise
    return Outcome(hub.ended, hub.completed, hub.has_trials_left, hub.last_failure(), interruption.signal)


def _nothing() -> None:
    """Leave a sweep that has begun as it is."""


def _gone(reason: str, folder: Path) -> str:
    return f"{reason}; what was measured is kept; go on by: paretune resume {folder}"


def _fit(spec: SweepSpec, cluster: Cluster, searcher: HubSearcher, scheduler: GuardedScheduler) -> None:
    resources = spec.trial.resources
    needs = {"cpu": resources.cpus, "gpu": resources.gpus, **resources.custom}
    tune.Tuner(
        tune.with_resources(RayTrial, needs),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            max_concurrent_trials=spec.search.concurrency,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(cluster.scratch),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    ).fit()


def _deadline(search: SearchConfig) -> Callable[[], bool]:
    """Tell when the time is up, by the time limit from now on or by the clock, whichever is earlier."""
    left = [search.time_limit] if search.time_limit is not None else []
    if search.deadline is not None:
        now = datetime.now()
        left.append((end_of(search.deadline, now=now) - now).total_seconds())
    end = time.monotonic() + min(left) if left else math.inf
    return lambda: time.monotonic() >= end
