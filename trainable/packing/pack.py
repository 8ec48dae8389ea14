"""Slots for trials that are stepped together on one base."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from spaces.trial import TrialConfig
from trainable.host import Host
from trainable.packing.joint import Taken, joint_pass
from trainable.packing.packed_trial import PackedTrial
from trainable.reason import reason_of
from trainable.report import TrialReport

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reported:
    """A trial came to a rung or to its end; it keeps its slot."""

    slot: int
    report: TrialReport


@dataclass(frozen=True)
class Failed:
    """A trial can't go on, for a reason as of ``reason_of``; its slot is free."""

    slot: int
    reason: str


class Pack:
    """Steps the trials of all occupied slots together: one forward and one backward pass for their next batches.

    Every trial is what it would be alone, but for the order in which the products of larger matrices are summed. A
    trial whose loss is not finite leaves the others' gradients as they are, bit for bit. Whatever else goes wrong in a
    pass, memory included, each trial of it is stepped alone, and only those that fail alone fail. While a pack is used
    no ``Trial`` uses its host.

    Args:
        host: Its base is bare whenever no pass is under way.
        slots: The most trials at a time.
        clock: Of the reports' seconds.

    """

    def __init__(self, host: Host, *, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        if slots < 1:
            raise ValueError(f"a pack needs at least one slot; got {slots}")
        self._host, self._slots, self._clock = host, slots, clock
        self._trials: dict[int, PackedTrial] = {}
        self._most_together = slots

    def __getitem__(self, slot: int) -> PackedTrial:
        return self._trials[slot]

    @property
    def occupied(self) -> tuple[int, ...]:
        """Slots that hold a trial, finished ones included."""
        return tuple(sorted(self._trials))

    @property
    def free(self) -> tuple[int, ...]:
        """Slots that hold none."""
        return tuple(slot for slot in range(self._slots) if slot not in self._trials)

    @property
    def most_together(self) -> int:
        """The most trials of one pass: fewer than there are slots once a pass of more did not fit into memory."""
        return self._most_together

    def add(self, config: TrialConfig) -> int:
        """Put a fresh trial into the first free slot; it joins the next step.

        Torch's global generators are reseeded. What goes wrong leaves the other trials as they are.

        Returns:
            The slot.

        Raises:
            ValueError: If no slot is free.
            ModelError: If anything but the adapter could be trained.
            DataError: If a row that is scored can't be read.

        """
        if not self.free:
            raise ValueError(f"all {self._slots} slots are occupied; remove a trial first")
        slot = self.free[0]
        self._trials[slot] = PackedTrial(config, self._host, clock=self._clock)
        self._most_together = self._slots
        return slot

    def remove(self, slot: int) -> None:
        """Free a slot, whatever its trial is doing.

        Raises:
            KeyError: If the slot is free.

        """
        del self._trials[slot]
        self._most_together = self._slots

    def step(self, *, resting: Collection[int] = ()) -> list[Reported | Failed]:
        """Take one batch of every trial that is not finished; a trial steps when its own last batch is taken.

        Args:
            resting: Slots to leave alone, e.g. until somebody has decided on their last report.

        Returns:
            What trials came to, by slot; a failed trial has left its slot.

        """
        stepped = [slot for slot in self.occupied if slot not in resting and not self._trials[slot].is_finished]
        failures = self._each(stepped, lambda trial: trial.window)
        ready = [slot for slot in stepped if slot not in failures]
        size = self._most_together
        for start in range(0, len(ready), size):
            failures |= self._together(ready[start : start + size])
        reports: dict[int, TrialReport] = {}
        due = [slot for slot in ready if slot not in failures and self._trials[slot].is_due]
        for slot in due:
            failures |= self._each([slot], lambda trial, slot=slot: reports.update({slot: trial.report()}))
        for slot in failures:
            self.remove(slot)
        outcomes = [Reported(*item) for item in reports.items()] + [Failed(*item) for item in failures.items()]
        return sorted(outcomes, key=lambda outcome: outcome.slot)

    def _together(self, slots: Sequence[int]) -> dict[int, str]:
        """Step some trials in one pass, or each alone where that fails; give those that failed."""
        trials = [self._trials[slot] for slot in slots]
        states = [trial.generators.states for trial in trials]
        taken: dict[PackedTrial, Taken] = {}
        reason = _reason(lambda: taken.update(zip(trials, joint_pass(self._host.base, trials), strict=True)))
        if reason is None:
            return self._each(slots, lambda trial: trial.take(taken[trial]))
        for trial, state in zip(trials, states, strict=True):
            trial.generators.states = state
        if len(slots) == 1:
            return {slots[0]: reason}
        _log.warning("%d trials could not be stepped together, so each is stepped alone", len(slots))
        failures: dict[int, str] = {}
        for slot in slots:
            failures |= self._together([slot])
        if not failures:
            self._most_together = len(slots) // 2
        return failures

    def _each(self, slots: Sequence[int], action: Callable[[PackedTrial], object]) -> dict[int, str]:
        """Do something for every trial; give those for which it failed."""
        reasons = ((slot, _reason(partial(action, self._trials[slot]))) for slot in slots)
        return {slot: reason for slot, reason in reasons if reason is not None}


def _reason(action: Callable[[], object]) -> str | None:
    """Do something and say what went wrong; the error goes at once, with the tensors that its frames hold."""
    try:
        action()
    except Exception as error:
        _log.warning("%s", traceback.format_exc())
        reason = reason_of(error)
    else:
        return None
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return reason
