"""Who holds which place in a pack, and what they have not read yet; safe to use from several threads."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from spaces.trial import TrialConfig
from trainable.checkpoints import CheckpointPlace
from trainable.report import TrialReport

_LEASE_S = 60.0


@dataclass(frozen=True)
class Unread:
    """What a trial came to and its holder has not read: a report, or why it ended without one.

    Attributes:
        report: Absent if the trial failed.
        ending: The reason of a failure.
        state: To be written when the report is read; absent if it was written before.

    """

    report: TrialReport | None = None
    ending: str = ""
    state: Mapping[str, Any] | None = None


@dataclass(eq=False)
class Seat:
    """The place of one trial.

    Attributes:
        config: Of the trial.
        place: Of its checkpoint.
        ticket: What its holder shows.
        since: When it was taken, or its latest report was read.
        seen: When its holder was last heard of.
        unread: What the trial does not go on from before it is read.
        slot: In the pack; absent before the trial is in it and after it failed.
        is_waiting: Whether the trial is still to be put into the pack.

    """

    config: TrialConfig
    place: CheckpointPlace | None
    ticket: str
    since: float
    seen: float
    unread: Unread | None = None
    slot: int | None = None
    is_waiting: bool = field(default=True)

    @property
    def rests(self) -> bool:
        """Whether the trial waits for its holder."""
        return self.unread is not None


class Seats:
    """Hands out seats and never waits for one to be free.

    Args:
        count: Of the seats.
        clock: In seconds.
        lease_s: A seat whose holder was not heard of for so long is free again.

    """

    def __init__(self, count: int, *, clock: Callable[[], float], lease_s: float = _LEASE_S) -> None:
        self._count, self._clock, self._lease_s = count, clock, lease_s
        self._seats: dict[str, Seat] = {}
        self._changed = Condition()

    @property
    def room(self) -> int:
        """Number of free seats."""
        with self._changed:
            self._expire()
            return self._count - len(self._seats)

    @property
    def held(self) -> tuple[Seat, ...]:
        """The seats that are taken, in the order in which they were."""
        with self._changed:
            self._expire()
            return tuple(self._seats.values())

    def take(self, config: TrialConfig, place: CheckpointPlace | None) -> str | None:
        """Take a seat for a trial; one that the same trial still holds is given up, as its holder must be gone.

        Returns:
            The ticket, or ``None`` if no seat is free.

        """
        with self._changed:
            self._expire()
            for old in [seat for seat in self._seats.values() if seat.config.number == config.number]:
                del self._seats[old.ticket]
            if len(self._seats) >= self._count:
                return None
            ticket, now = secrets.token_hex(8), self._clock()
            self._seats[ticket] = Seat(config, place, ticket, now, now)
            self._changed.notify_all()
            return ticket

    def release(self, ticket: str) -> None:
        """Free a seat, whatever its trial is doing; one that is free already stays so."""
        with self._changed:
            self._seats.pop(ticket, None)
            self._changed.notify_all()

    def renew(self, ticket: str) -> None:
        """Hear that the holder of a seat is there."""
        with self._changed:
            if ticket in self._seats:
                self._seats[ticket].seen = self._clock()

    def put(self, seat: Seat, unread: Unread) -> None:
        """Leave something for the holder of a seat; nothing else may be there."""
        with self._changed:
            seat.unread = unread
            self._changed.notify_all()

    def read(self, ticket: str, *, patience_s: float) -> tuple[Seat, Unread] | None:
        """Give what a trial came to next, and let it go on; ``None`` if it comes to nothing for a while.

        Raises:
            KeyError: If nobody holds the ticket, or its seat is given up meanwhile.

        """
        with self._changed:
            self._changed.wait_for(
                lambda: ticket not in self._seats or self._seats[ticket].rests, timeout=max(patience_s, 0)
            )
            seat = self._seats[ticket]
            seat.seen, unread = self._clock(), seat.unread
            if unread is None:
                return None
            seat.since, seat.unread = seat.seen, None
            self._changed.notify_all()
            return seat, unread

    def wait(self, is_due: Callable[[Sequence[Seat]], bool], *, patience_s: float) -> None:
        """Wait until the held seats are as told, or for a while."""
        with self._changed:
            self._changed.wait_for(lambda: is_due(tuple(self._seats.values())), timeout=patience_s)

    def _expire(self) -> None:
        end = self._clock() - self._lease_s
        for seat in [seat for seat in self._seats.values() if seat.seen < end]:
            del self._seats[seat.ticket]
