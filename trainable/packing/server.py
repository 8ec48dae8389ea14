"""A process that steps a pack of trials for those who hold its seats; what Ray runs once for each device."""

from __future__ import annotations

import copy
import faulthandler
import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from spaces.trial import TrialConfig
from trainable.checkpoints import CheckpointPlace, read_attempt, write_attempt
from trainable.errors import ModelError
from trainable.host import forget_host, host_for
from trainable.messages import CHECKPOINT_KEY, ENDING_KEY, TRIAL_KEY, report_result
from trainable.packing.calibrate import calibrate
from trainable.packing.pack import Failed, Pack, Reported
from trainable.packing.seats import Seat, Seats, Unread
from trainable.reason import reason_of

_log = logging.getLogger(__name__)

_IDLE_S = 1.0


class PackServer:
    """Holds the base and the pack. All methods but ``run`` are called from other threads than that.

    A trial goes on once its holder has read its last report, and then comes to one more report at most. Only when that
    is read, too, is it known that the trial was not stopped at the one before, and only then is its state written. A
    trial that comes to no report within its limit of time ends; a step that takes longer ends the process, whatever it
    hangs in.

    Args:
        slots: The most trials at a time.
        clock: In seconds.

    """

    def __init__(self, slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots, self._clock = slots, clock
        self._seats = Seats(slots, clock=clock)
        self._pack: Pack | None = None
        self._in_pack: dict[int, Seat] = {}
        self._is_spoilt = False

    def calibrate(self, config: str, sizes: Sequence[int]) -> tuple[int, Mapping[int, float]]:
        """Measure which of some sizes of a pack is fastest, and have so many seats; called before ``run``.

        Returns:
            The size, and the seconds of one batch of one trial by the sizes that fit into memory.

        Raises:
            TrialError: If the base or the data can't be read.

        """
        trial = TrialConfig.model_validate_json(config)
        _use_threads(trial)
        measured = calibrate(host_for(trial.model, trial.data), trial, sizes=sizes)
        self._slots = measured.size
        self._seats = Seats(measured.size, clock=self._clock)
        return measured.size, dict(measured.batch_seconds)

    def room(self) -> int:
        """Give the number of free seats."""
        return self._seats.room

    def take(self, told: Mapping[str, Any]) -> str | None:
        """Take a seat for a trial, by what Ray is told of it; the ticket, or ``None`` if there is no room."""
        place = told.get(CHECKPOINT_KEY)
        return self._seats.take(
            TrialConfig.model_validate_json(told[TRIAL_KEY]),
            CheckpointPlace.model_validate_json(place) if place else None,
        )

    def read(self, ticket: str, patience_s: float) -> dict[str, Any] | None:
        """Give the next result of a trial, its state being written; ``None`` if there is none for a while.

        Raises:
            KeyError: If nobody holds the ticket.

        """
        found = self._seats.read(ticket, patience_s=patience_s)
        if found is None:
            return None
        seat, unread = found
        if unread.report is None:
            return {ENDING_KEY: unread.ending}
        if unread.state is not None:
            write_attempt(seat.place, seat.config, unread.report, unread.state)
        return report_result(unread.report)

    def renew(self, ticket: str) -> None:
        """Hear that the holder of a seat is there."""
        self._seats.renew(ticket)

    def release(self, ticket: str) -> None:
        """Free a seat."""
        self._seats.release(ticket)

    def run(self) -> None:
        """Step the trials of all seats until the process ends."""
        while True:
            if not self.turn():
                self._seats.wait(self._is_due, patience_s=_IDLE_S)

    def _is_due(self, held: Sequence[Seat]) -> bool:
        """Tell whether there is something to do: a trial that came, left, or can go on."""
        has_left = any(seat not in held for seat in self._in_pack.values())
        return has_left or any(seat.is_waiting or self._can_step(seat) for seat in held)

    def turn(self) -> bool:
        """Free slots, fill them, and take one batch of every trial that can go on; tell whether there was any."""
        held = self._seats.held
        limits = [seat.config.training.time_limit for seat in held]
        limit = min((limit for limit in limits if limit is not None), default=None)
        if limit is not None:
            faulthandler.dump_traceback_later(limit, exit=True)
        try:
            self._free(held)
            for seat in held:
                if seat.is_waiting:
                    self._admit(seat)
            for seat in held:
                self._end_if_silent(seat)
            if self._pack is None or not any(self._can_step(seat) for seat in held):
                return False
            resting = [slot for slot, seat in self._in_pack.items() if not self._can_step(seat)]
            for outcome in self._pack.step(resting=resting):
                self._hear(outcome)
            return True
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _can_step(self, seat: Seat) -> bool:
        if self._pack is None or seat.slot is None or seat.rests:
            return False
        return self._in_pack.get(seat.slot) is seat and not self._pack[seat.slot].is_finished

    def _free(self, held: Sequence[Seat]) -> None:
        """Take those trials out of the pack that hold no seat any more."""
        for slot, seat in list(self._in_pack.items()):
            if seat not in held:
                self._leave(slot)

    def _leave(self, slot: int) -> None:
        assert self._pack is not None
        self._in_pack.pop(slot).slot = None
        if slot in self._pack.occupied:
            self._pack.remove(slot)

    def _admit(self, seat: Seat) -> None:
        """Put a trial into the pack, where it goes on from its checkpoint if it has one."""
        seat.is_waiting = False
        try:
            pack = self._open(seat.config)
            seat.slot = pack.add(seat.config)
            self._in_pack[seat.slot] = seat
            saved = read_attempt(seat.place, seat.config)
            if saved is not None:
                report, state = saved
                pack[seat.slot].load_state_dict(state)
                if report.step > seat.config.from_step:  # it was written and not heard
                    self._seats.put(seat, Unread(report))
        except Exception as error:  # as in ``RayTrial``: a failure is a recorded ending
            _log.warning("trial %d failed: %s", seat.config.number, traceback.format_exc())
            self._is_spoilt |= isinstance(error, ModelError)
            self._fail(seat, reason_of(error))

    def _open(self, config: TrialConfig) -> Pack:
        """Give the pack; after a fault of the base it is made anew once its trials have ended."""
        if self._is_spoilt and not self._in_pack:
            forget_host()
            self._pack, self._is_spoilt = None, False
        if self._pack is None:
            _use_threads(config)
            self._pack = Pack(host_for(config.model, config.data), slots=self._slots, clock=self._clock)
        return self._pack

    def _end_if_silent(self, seat: Seat) -> None:
        limit, silent = seat.config.training.time_limit, self._clock() - seat.since
        if limit is not None and self._can_step(seat) and silent >= limit:
            self._fail(seat, f"timeout: no report for {silent:.0f} s; trial.time_limit is {limit:g} s")

    def _fail(self, seat: Seat, reason: str) -> None:
        if seat.slot is not None:
            self._leave(seat.slot)
        self._seats.put(seat, Unread(ending=reason))

    def _hear(self, outcome: Reported | Failed) -> None:
        seat = self._in_pack[outcome.slot]
        match outcome:
            case Failed():
                _log.warning("trial %d failed: %s", seat.config.number, outcome.reason)
                self._fail(seat, outcome.reason)
            case Reported():
                assert self._pack is not None
                state = copy.deepcopy(self._pack[outcome.slot].state_dict())  # written while the trial goes on
                if outcome.report.step <= seat.config.from_step:  # it was reported before
                    write_attempt(seat.place, seat.config, outcome.report, state)
                else:
                    self._seats.put(seat, Unread(outcome.report, state=state))


def _use_threads(config: TrialConfig) -> None:
    torch.set_num_threads(max(1, int(config.training.resources.cpus)))
