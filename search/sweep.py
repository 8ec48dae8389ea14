"""Runs a sweep or goes on with one: study, record, hub and Ray wired together."""

from __future__ import annotations

import functools
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ray import tune

from results import ItemRow, read_sweep, write_sweep_json
from search.cluster import Cluster, connected_ray
from search.errors import RayLost
from search.folder_lock import locked
from search.hub import Hub
from search.interfaces import Listener
from search.interruption import Interruption
from search.items import record_items
from search.kept_checkpoints import checkpoint_place
from search.loggers import Loggers
from search.lost_workers import GuardedScheduler
from search.packs import Packs, chosen_pack, servers_needed
from search.places import check_unused
from search.probe import check_nodes
from search.ray_losses import RayLosses
from search.recorder import record_columns
from search.recovery import open_hub
from search.searcher import HubSearcher
from search.spec import SearchConfig, SweepSpec, end_of
from search.storage_fault import StorageGuard
from search.sweep_spec import SPEC_KEY, spec_of
from search.watchdog import Watchdog
from search.writable import check_new
from trainable.packed_entry import PROXY_CPUS, PackedRayTrial
from trainable.ray_entry import RayTrial

_MOST_SHORT_FITS = 3
"""How often Ray Tune may end before it was handed all trials of a fit, though the hub has more."""

_TRIALS_PER_FIT, _TRIALS_PER_WORKER = 500, 100
"""Ray Tune keeps all trials of a fit in memory to its end, so a long sweep is several fits in one Ray.

At the end of a fit workers wait for the last one to finish, and the next fit starts new ones; with 100 trials for each
worker that is some hundredth of the time.
"""


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended.

    Attributes:
        ended: Trials that ended, in this run and before.
        completed: Of these, trials that ran to the last step.
        is_suspended: Whether trials are left that ``resume`` would run.
        is_hopeless: Whether the first trials all failed, so that no other was tried.
        last_failure: Reason of the latest failed trial, or an empty text.
        signal: Name of the signal that ended this run, or an empty text.

    """

    ended: int
    completed: int
    is_suspended: bool
    is_hopeless: bool
    last_failure: str
    signal: str


def start_sweep(
    spec: SweepSpec,
    folder: Path,
    *,
    lineage: Mapping[str, str],
    items: Callable[[], Sequence[ItemRow]],
    listener: Listener,
    say: Callable[[str], None],
) -> Outcome:
    """Run a new sweep in a folder.

    Args:
        spec: The sweep.
        folder: Holds no sweep; it gets one once the cluster is found fit.
        lineage: Where the sweep comes from, for its record.
        items: Gives the examples that trials are scored on.
        listener: Hears of every event of a trial.
        say: Tells a person what happens to the sweep as a whole.

    Raises:
        FolderError: If the folder holds a sweep already or can't be written, or another sweep has its
            study or its checkpoints.
        BusyError: If another process works in the folder.
        UnfitClusterError: If there is no cluster or its nodes can't run the trials.
        ClusterError: If Ray is lost and can't be started anew.
        StorageFault: If the disk or the database failed; ``resume_sweep`` goes on.
        Interrupted: On a second SIGINT or SIGTERM; ``resume_sweep`` goes on.

    """
    check_new(folder)
    guard = StorageGuard(folder, storage=spec.search.storage)
    metadata = {SPEC_KEY: spec.model_dump_json(), **lineage}
    with guard:
        folder.mkdir(parents=True, exist_ok=True)
        check_unused(spec, folder)
    with locked(folder, guard):
        return _Driver(spec, folder, items, listener, say, guard).search(
            begin=lambda: write_sweep_json(folder, record_columns(spec), metadata=metadata)
        )


def resume_sweep(
    folder: Path,
    *,
    address: str | None,
    rebuild_study: bool,
    items: Callable[[], Sequence[ItemRow]],
    listener: Listener,
    say: Callable[[str], None],
) -> Outcome:
    """Go on with a sweep from its study and its record; Ray's own state is not needed.

    Args:
        folder: Of the sweep.
        address: Of the Ray to run on; the sweep's own if absent.
        rebuild_study: Whether to make the study anew from the record.
        items: Gives the examples that trials are scored on, which an earlier paretune did not record.
        listener: Hears of every event of a trial.
        say: Tells a person what happens to the sweep as a whole.

    Raises:
        ResultsError: If the folder holds no readable sweep.
        StudyError: If the study is lost or damaged.
        StorageFault: If the disk or the database failed.
        BusyError: If another process works in the folder.
        UnfitClusterError: If there is no cluster or its nodes can't run the trials.
        ClusterError: If Ray is lost and can't be started anew.
        Interrupted: On a second SIGINT or SIGTERM.

    """
    spec = spec_of(folder)
    if address is not None:
        spec = spec.model_copy(update={"search": spec.search.model_copy(update={"address": address})})
    guard = StorageGuard(folder, storage=spec.search.storage)
    with locked(folder, guard):
        return _Driver(spec, folder, items, listener, say, guard).search(rebuild_study=rebuild_study)


def _nothing() -> None:
    """Leave a sweep that has begun as it is."""


@dataclass(frozen=True)
class _Driver:
    """Searches in one folder.

    Attributes:
        spec: The sweep.
        folder: Locked for this process.
        items: Gives the examples that trials are scored on.
        listener: Hears of every event of a trial.
        say: Tells a person what happens to the sweep as a whole.
        guard: Knows when the disk or the database failed.

    """

    spec: SweepSpec
    folder: Path
    items: Callable[[], Sequence[ItemRow]]
    listener: Listener
    say: Callable[[str], None]
    guard: StorageGuard

    def search(self, *, begin: Callable[[], object] = _nothing, rebuild_study: bool = False) -> Outcome:
        """Search until nothing is left to do; start Ray anew if it is lost, as long as trials get on in between.

        Args:
            begin: Called once, when the cluster is found fit.
            rebuild_study: Whether to make the study anew from the record.

        """
        is_late = _deadline(self.spec.search)
        losses = RayLosses(self.spec.search.address, measured=lambda: len(read_sweep(self.folder).reports))
        with self.guard.surfacing(), Interruption(self.say) as interruption:

            def is_over() -> bool:
                return bool(interruption.signal) or is_late()

            while True:
                try:
                    with connected_ray(self.spec) as cluster:
                        interruption.install()  # again: starting Ray replaces the handler of SIGTERM
                        check_nodes(self.spec, self.folder, is_own=cluster.is_own)
                        with self.guard:
                            begin()
                            record_items(self.folder, self.spec, self.items)
                        begin = _nothing
                        spec = self._packed(cluster, is_over)
                        with self.guard:
                            loggers = Loggers(spec, self.folder, listener=self.listener, say=self.say)
                        with loggers as listener:
                            with self.guard:
                                hub = open_hub(
                                    spec, self.folder, listener=listener, is_over=is_over, rebuild_study=rebuild_study
                                )
                            rebuild_study = False
                            with _servers(spec):
                                return self._run(spec, hub, cluster, interruption)
                except RayLost as loss:
                    losses.take(loss, last_words=self._gone(str(loss)))
                    self.say(f"{loss}; Ray starts anew, and trials go on from their last reports")

    def _packed(self, cluster: Cluster, is_over: Callable[[], bool]) -> SweepSpec:
        """Give the sweep with a size of its packs."""
        pack = chosen_pack(self.spec, say=self.say, loss=cluster.loss, is_over=is_over)
        return self.spec.model_copy(update={"trial": self.spec.trial.model_copy(update={"pack": pack})})

    def _run(self, spec: SweepSpec, hub: Hub, cluster: Cluster, interruption: Interruption) -> Outcome:
        """Search with one Ray, to the end or to the loss of that Ray."""
        watchdog = Watchdog(cluster.loss, last_words=interruption.last_words(self.say, self._gone))
        place = checkpoint_place(self.spec, self.folder)
        scheduler = functools.partial(
            GuardedScheduler,
            hub,
            self.guard,
            check=watchdog.check,
            is_interrupted=lambda: bool(interruption.signal),
            is_over=lambda: hub.should_end,
        )
        try:
            with watchdog:
                short_fits, most = 0, max(_TRIALS_PER_FIT, _TRIALS_PER_WORKER * spec.search.concurrency)
                while short_fits < _MOST_SHORT_FITS:
                    with self.guard:
                        if not hub.has_budget:
                            break
                    searcher = HubSearcher(hub, place, self.guard, most=most)
                    _fit(spec, cluster, searcher, scheduler())
                    shutil.rmtree(cluster.scratch, ignore_errors=True)
                    short_fits += not searcher.is_done
        except RayLost:
            if not interruption.signal:
                raise
        with self.guard:
            left = hub.has_trials_left
        return Outcome(hub.ended, hub.completed, left, hub.is_hopeless, hub.last_failure(), interruption.signal)

    def _gone(self, reason: str) -> str:
        return f"{reason}; what was measured is kept; go on by: paretune resume {self.folder}"


def _servers(spec: SweepSpec) -> AbstractContextManager[object]:
    pack = int(spec.trial.pack)
    if pack == 1:
        return nullcontext()
    return Packs(spec.trial.resources, slots=pack, count=servers_needed(spec.search.concurrency, pack))


def _trainable(spec: SweepSpec) -> Any:
    """Give what Ray runs, with what it reserves: a trial, or a process that asks a server of ``_servers`` for one."""
    if spec.trial.pack != 1:
        return tune.with_resources(PackedRayTrial, {"cpu": PROXY_CPUS})
    resources = spec.trial.resources
    return tune.with_resources(RayTrial, {"cpu": resources.cpus, "gpu": resources.gpus, **resources.custom})


def _fit(spec: SweepSpec, cluster: Cluster, searcher: HubSearcher, scheduler: GuardedScheduler) -> None:
    tune.Tuner(
        _trainable(spec),
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
