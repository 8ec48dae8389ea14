"""Runs a sweep or goes on with one: study, record, hub and Ray wired together."""

from __future__ import annotations

import fcntl
import math
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from ray import tune

from results import write_sweep_json
from results.sweep_file import SWEEP_FILE
from search.cluster import local_ray
from search.errors import BusyError, FolderError, Interrupted
from search.interfaces import Listener
from search.kept_checkpoints import checkpoint_place
from search.places import check_unused
from search.recorder import record_columns
from search.recovery import open_hub
from search.scheduler import HubScheduler
from search.searcher import HubSearcher
from search.spec import SearchConfig, SweepSpec, end_of
from search.storage_fault import StorageGuard
from search.sweep_spec import SPEC_KEY, spec_of
from trainable.ray_entry import RayTrial

_MOST_FITS = 3


@dataclass(frozen=True)
class Outcome:
    """How a sweep ended.

    Attributes:
        ended: Trials that ended, in this run and before.
        completed: Of these, trials that ran to the last step.
        is_suspended: Whether trials are left that ``resume`` would run.
        last_failure: Reason of the latest failed trial, or an empty text.

    """

    ended: int
    completed: int
    is_suspended: bool
    last_failure: str


def start_sweep(spec: SweepSpec, folder: Path, *, lineage: Mapping[str, str], listener: Listener) -> Outcome:
    """Run a new sweep in a folder.

    Raises:
        FolderError: If the folder holds a sweep already.
        BusyError: If another process works in the folder.
        StorageFault: If the disk or the database failed; ``resume_sweep`` goes on.
        Interrupted: On SIGINT or SIGTERM; ``resume_sweep`` goes on.

    """
    if (folder / SWEEP_FILE).exists():
        raise FolderError(f"{folder} holds a sweep already; go on with it by 'paretune resume {folder}'")
    guard = StorageGuard(folder, storage=spec.search.storage)
    with guard:
        folder.mkdir(parents=True, exist_ok=True)
        check_unused(spec, folder)
    with _lock(folder, guard):
        with guard:
            write_sweep_json(folder, record_columns(spec), metadata={SPEC_KEY: spec.model_dump_json(), **lineage})
        return _search(spec, folder, listener, guard)


def resume_sweep(folder: Path, *, listener: Listener, rebuild_study: bool = False) -> Outcome:
    """Go on with a sweep from its study and its record; Ray's own state is not needed.

    Args:
        folder: Of the sweep.
        listener: Hears of every event.
        rebuild_study: Whether to make the study anew from the record.

    Raises:
        ResultsError: If the folder holds no readable sweep.
        StudyError: If the study is lost or damaged.
        StorageFault: If the disk or the database failed.
        BusyError: If another process works in the folder.
        Interrupted: On SIGINT or SIGTERM.

    """
    spec = spec_of(folder)
    guard = StorageGuard(folder, storage=spec.search.storage)
    with _lock(folder, guard):
        return _search(spec, folder, listener, guard, rebuild_study=rebuild_study)


def _search(
    spec: SweepSpec, folder: Path, listener: Listener, guard: StorageGuard, *, rebuild_study: bool = False
) -> Outcome:
    interruption, deadline = _Interruption(), _deadline(spec.search)
    with guard:
        hub = open_hub(
            spec,
            folder,
            listener=listener,
            is_over=lambda: interruption.is_requested or deadline(),
            rebuild_study=rebuild_study,
        )
    place = checkpoint_place(spec, folder)
    with guard.surfacing(), interruption, local_ray(spec) as scratch:
        interruption.install()  # again: starting Ray replaces the handler of SIGTERM
        for _ in range(_MOST_FITS):
            with guard:
                if not hub.has_budget:
                    break
            _fit(HubSearcher(hub, place, guard), HubScheduler(hub, guard), spec, scratch)
            shutil.rmtree(scratch, ignore_errors=True)
    return Outcome(hub.ended, hub.completed, hub.ended < spec.search.trials, hub.last_failure())


def _fit(searcher: HubSearcher, scheduler: HubScheduler, spec: SweepSpec, scratch: Path) -> None:
    resources = spec.trial.resources
    tune.Tuner(
        tune.with_resources(RayTrial, {"cpu": resources.cpus, "gpu": resources.gpus}),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            max_concurrent_trials=spec.search.concurrency,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(scratch),
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


@contextmanager
def _lock(folder: Path, guard: StorageGuard) -> Iterator[None]:
    with guard:
        file = (folder / ".lock").open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(f"another process runs the sweep in {folder}; wait for it or stop it") from error
        yield


class _Interruption:
    """Turns SIGINT and SIGTERM into an exception: Ray would end as if all had gone well.

    The signal may arrive inside Ray's compiled code, which turns the exception into another or loses it; so whatever
    leaves the block after a signal leaves it as ``Interrupted``, and until then the hub starts and continues nothing.
    """

    def __init__(self) -> None:
        self._received = ""
        self._before: dict[int, Any] = {}

    @property
    def is_requested(self) -> bool:
        """Whether a signal arrived."""
        return bool(self._received)

    def install(self) -> None:
        """Take the two signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def __enter__(self) -> Self:
        """Take the two signals and remember who had them."""
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back; raise ``Interrupted`` if one arrived."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._received and not isinstance(error, Interrupted):
            raise Interrupted(self._received) from error

    def _handle(self, number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        self._received = signal.Signals(number).name
        raise Interrupted(self._received)
