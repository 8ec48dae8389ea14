"""Takes in what users ask of single trials, and keeps it in the study."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from search.points import CLONE_KEY, clone_plan, point_of, seed_of
from search.requests import Request
from search.spec import SweepSpec
from search.study_trials import StudyTrials
from trainable.seeding import child_seed

_log = logging.getLogger(__name__)

_KEY = "orders"


class Requests(Protocol):
    """Where requests come from; ``RequestFiles`` in a sweep's folder."""

    def pending(self) -> list[Request]:
        """Give the requests that were not taken in yet, the oldest first."""
        ...

    def done(self, request: Request) -> None:
        """Forget a request that was taken in."""
        ...


class Orders:
    """What users ordered: trials to stop, to see through, to keep, to run again.

    An order is in the study before its request is forgotten, and is carried out once, whenever the driver dies.

    Args:
        spec: The sweep.
        trials: In its study.
        requests: New ones.

    """

    def __init__(self, spec: SweepSpec, trials: StudyTrials, requests: Requests) -> None:
        self._spec, self._trials, self._requests = spec, trials, requests
        kept: Mapping[str, list[int]] = trials.order(_KEY) or {}
        self._numbers = {kind: set(kept.get(kind, ())) for kind in ("stop", "pin", "extend")}
        plans = {number: trial.user_attrs.get(CLONE_KEY) for number, trial in trials.stored()}
        self._cloned = {plan["request"] for plan in plans.values() if plan}
        self._numbers["extend"] |= {number for number, plan in plans.items() if plan and plan["extended"]}

    @property
    def clones(self) -> int:
        """How many trials were run again; they come on top of the sweep's trials."""
        return len(self._cloned)

    @property
    def pinned(self) -> frozenset[int]:
        """Trials whose checkpoints are kept."""
        return frozenset(self._numbers["pin"])

    def stops(self, number: int) -> bool:
        """Tell whether a trial is to be stopped at its next report."""
        return number in self._numbers["stop"]

    def extends(self, number: int) -> bool:
        """Tell whether no pruner may stop a trial."""
        return number in self._numbers["extend"]

    def take(self) -> None:
        """Take in every request that can be carried out now.

        A trial to be run again waits until the baseline and the presets were asked for, no other trial waits, and it
        was drawn itself.
        """
        for request in self._requests.pending():
            number = request.trial
            if number >= self._trials.asked + self._trials.waiting:
                _log.warning("a request to %s trial %d is dropped: there is no such trial", request.kind, number)
            elif request.kind == "clone" or (request.kind == "extend" and self._is_pruned(number)):
                if self._trials.waiting or self._trials.asked <= len(self._spec.search.enqueue):
                    continue
                if not self._clone(request):
                    continue
            else:
                self._numbers[request.kind].add(number)
                self._trials.set_order(_KEY, {kind: sorted(numbers) for kind, numbers in self._numbers.items()})
            self._requests.done(request)

    def _is_pruned(self, number: int) -> bool:
        return self._trials.trial(number).state.name == "PRUNED"

    def _clone(self, request: Request) -> bool:
        """Let a trial run again; ``False`` if it was not drawn yet."""
        if request.id in self._cloned:  # the driver died before the request was forgotten
            return True
        trial = self._trials.trial(request.trial)
        try:
            point = {**point_of(self._spec, request.trial, trial), **(request.changes or {})}
        except ValueError:
            return False
        own = seed_of(self._spec, trial)
        is_extended = request.kind == "extend"
        other = child_seed(own, f"clone {self._trials.asked}") % 2**32
        seed = request.seed if request.seed is not None else own if is_extended else other
        plan = clone_plan(request.trial, point, seed=seed, request=request.id, extended=is_extended)
        if is_extended:
            self._numbers["extend"].add(self._trials.asked)
        self._trials.enqueue(self._spec.space.active(point), {CLONE_KEY: plan})
        self._cloned.add(request.id)
        return True
