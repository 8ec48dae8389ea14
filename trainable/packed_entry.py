"""What Ray Tune runs for a trial of a pack: a light process that asks a ``PackServer`` to train it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import ray
from ray import tune
from ray.exceptions import ActorUnavailableError, RayActorError
from typing_extensions import override

SERVER_PREFIX = "paretune-pack-"
"""What the names of the servers' actors begin with; a job has names of its own."""

PROXY_CPUS = 0.001

_PATIENCE_S = 10.0
_RENEWAL_S = 10.0
_POLL_S = 0.05
_NO_SERVER_S = 120.0


class ServerLostError(RuntimeError):
    """The process that stepped a trial is gone.

    Attributes:
        preempted: Whether its node was taken away.

    """

    def __init__(self, words: str, preempted: bool = False) -> None:
        super().__init__(words, preempted)
        self.words, self.preempted = words, preempted

    @override
    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class _Held:
    """A seat of a server, whose lease is renewed until it is given up."""

    server: Any
    ticket: str
    is_over: Event

    def keep(self) -> None:
        while not self.is_over.wait(_RENEWAL_S):
            self.server.renew.remote(self.ticket)


class PackedRayTrial(tune.Trainable):
    """Gives the results that ``RayTrial`` would give, of a trial that shares its base with others.

    It takes a seat of whichever server has most room, and gives it up when it is stopped or reset. A server that dies
    is an exception here, since the driver is to hear of a lost worker.
    """

    @override
    def setup(self, config: dict[str, Any]) -> None:
        self._told, self._held = dict(config), None

    @override
    def step(self) -> dict[str, Any]:
        if self._held is None:
            self._held = _take_seat(self._told)
        held = self._held
        try:
            while True:
                result: Any = ray.get(held.server.read.remote(held.ticket, _PATIENCE_S))
                if result is not None:
                    return result
        except RayActorError as error:
            self._held = None
            held.is_over.set()
            raise _lost(error) from None

    @override
    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self.setup(new_config)
        return True

    @override
    def cleanup(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            held.is_over.set()
            held.server.release.remote(held.ticket)


def _lost(error: RayActorError) -> ServerLostError:
    words = " ".join(str(error).split())
    if isinstance(error, ActorUnavailableError):
        return ServerLostError(f"its node can't be reached: {words}")
    return ServerLostError(words, bool(getattr(error, "preempted", False)))


def _take_seat(told: dict[str, Any]) -> _Held:
    """Wait for a seat of any server; those that are full or have not started hold nobody up.

    Raises:
        ServerLostError: If there was no server at all for long.

    """
    asked: dict[str, tuple[Any, Any]] = {}
    seen = time.monotonic()
    while True:
        names = [name for name in ray.util.list_named_actors() if name.startswith(SERVER_PREFIX)]
        seen = time.monotonic() if names else seen
        if time.monotonic() - seen > _NO_SERVER_S:
            raise ServerLostError("no process that steps packed trials is left")
        for name in names:
            if name not in asked:
                try:
                    server = ray.get_actor(name)
                except ValueError:  # it has just died
                    continue
                asked[name] = (server, server.room.remote())
        for name, server in _with_room(asked):
            try:
                ticket: Any = ray.get(server.take.remote(told))
            except RayActorError:
                continue
            finally:
                del asked[name]
            if ticket is not None:
                held = _Held(server, ticket, Event())
                Thread(target=held.keep, name="lease", daemon=True).start()
                return held
        time.sleep(_POLL_S)


def _with_room(asked: dict[str, tuple[Any, Any]]) -> list[tuple[str, Any]]:
    """Give the servers that have said to have room, those with most first; the others that answered are asked anew."""
    rooms: dict[str, int] = {}
    answers = {name: answer for name, (_, answer) in asked.items()}
    ready, _ = ray.wait(list(answers.values()), num_returns=len(answers), timeout=_POLL_S) if answers else ([], [])
    for name, answer in answers.items():
        if answer in ready:
            try:
                rooms[name] = ray.get(answer)
            except RayActorError:
                rooms[name] = 0
            if not rooms[name]:
                del asked[name]
    return [(name, asked[name][0]) for name in sorted(asked, key=lambda name: -rooms.get(name, 0)) if rooms.get(name)]
