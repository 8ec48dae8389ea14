"""Servers of packed trials: started with a sweep, started anew when they die, and gone with the driver."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import ray
from ray.exceptions import RayError

from search.errors import RayLost
from search.points import planned_point
from search.spec import SweepSpec
from spaces import TrialConfig, settings_of
from spaces.trial import ResourcesConfig
from trainable.packed_entry import PROXY_CPUS, SERVER_PREFIX
from trainable.packing import PackServer
from trainable.packing.calibrate import SIZES

_log = logging.getLogger(__name__)

_POLL_S = 0.5
_EARLY_S = 10.0
_MOST_EARLY_DEATHS = 5
_MORE_THREADS = 4
_LEAST_CPUS = 0.001


class Packs:
    """Keeps a number of servers alive. They belong to this process: Ray ends them with it.

    A server and the processes of its trials together reserve what one trial that is not packed reserves.

    Args:
        resources: Of one server and its trials.
        slots: Trials of one server.
        count: Of the servers.

    """

    def __init__(self, resources: ResourcesConfig, *, slots: int, count: int) -> None:
        self._resources, self._slots, self._count = resources, slots, count
        self._serial = 0
        self._running: dict[Any, tuple[Any, float]] = {}
        self._early_deaths = 0
        self._is_over = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="packs", daemon=True)

    def __enter__(self) -> Self:
        """Start them; what is asked of them waits until they run."""
        for _ in range(self._count):
            self._start()
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep them no longer; they end when Ray is left."""
        self._is_over.set()
        self._keeper.join(timeout=4 * _POLL_S)

    def _start(self) -> None:
        name = f"{SERVER_PREFIX}{self._serial}"
        self._serial += 1
        server = start_server(self._resources, slots=self._slots, name=name)
        self._running[server.run.remote()] = (server, time.monotonic())

    def _keep(self) -> None:
        """Start a server for each that died, unless they die as they start."""
        while not self._is_over.wait(_POLL_S):
            dead, _ = ray.wait(list(self._running), timeout=0)
            for one in dead:
                _, started = self._running.pop(one)
                _log.warning("a process that steps packed trials died: %s", _words(one))
                is_early = time.monotonic() - started < _EARLY_S
                self._early_deaths = self._early_deaths + 1 if is_early else 0
                if self._early_deaths < _MOST_EARLY_DEATHS:
                    self._start()
            if not self._running:
                return


def start_server(resources: ResourcesConfig, *, slots: int, name: str) -> Any:
    """Start the actor of one server."""
    custom = dict(resources.custom)
    return (
        ray.remote(PackServer)
        .options(
            name=name,
            num_cpus=max(round(resources.cpus - slots * PROXY_CPUS, 4), _LEAST_CPUS),
            num_gpus=resources.gpus,
            resources=custom or None,
            max_concurrency=2 * slots + _MORE_THREADS,
            max_restarts=0,
        )
        .remote(slots)
    )


def servers_needed(concurrency: int, pack: int) -> int:
    """Give the number of packs that so many trials at a time make."""
    return math.ceil(concurrency / pack)


def chosen_pack(
    spec: SweepSpec, *, say: Callable[[str], None], loss: Callable[[], str], is_over: Callable[[], bool]
) -> int:
    """Give the number of trials to step together; with ``auto`` it is measured where a trial would run.

    Args:
        spec: Its trials fit somewhere.
        say: Tells a person what was found.
        loss: Tells why Ray is gone, or an empty text.
        is_over: Whether the sweep should stop, so that nothing is measured.

    Returns:
        The size; 1 is a trial that has its process to itself.

    Raises:
        RayLost: If Ray is gone.

    """
    if spec.trial.pack != "auto":
        return spec.trial.pack
    sizes = [size for size in SIZES if size <= spec.search.concurrency]
    if len(sizes) == 1:
        say("trial.pack: auto packs nothing, since search.concurrency is 1")
        return 1
    server = start_server(spec.trial.resources, slots=max(sizes), name="paretune-calibration")
    try:
        answer = server.calibrate.remote(_baseline(spec).model_dump_json(), sizes)
        while not ray.wait([answer], timeout=_POLL_S)[0]:
            if reason := loss():
                raise RayLost(reason)
            if is_over():
                return 1
        size, batch_seconds = ray.get(answer)
    except RayError as error:
        say(f"trial.pack: auto could not be measured, so that trials run one by one: {_last_line(error)}")
        return 1
    finally:
        if not loss():
            ray.kill(server)
    rates = ", ".join(f"{n}: {1 / seconds:.3g}" for n, seconds in sorted(batch_seconds.items()))
    say(f"trial.pack: auto measured batches per second of packs of {rates}; it takes {size}")
    return size


def _baseline(spec: SweepSpec) -> TrialConfig:
    config = TrialConfig(number=0, model=spec.model, data=spec.data, training=spec.trial)
    point = planned_point(spec, 0, {})
    return config if point is None else config.model_copy(update=vars(settings_of(point)))


def _words(ended: Any) -> str:
    try:
        ray.get(ended, timeout=0)
    except RayError as error:
        return _last_line(error)
    return "it returned"


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
