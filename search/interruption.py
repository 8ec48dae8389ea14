"""SIGINT and SIGTERM: the first asks a sweep to end, the second ends it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from search.errors import Interrupted
from search.exit_codes import FAILED, INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SAME_PRESS_S = 0.5


class Interruption:
    """Notes the first signal, and turns the second into an exception.

    After the first the hub hands out nothing more and suspends every trial at its next report. The second may arrive
    inside Ray's compiled code, which turns the exception into another or loses it; so whatever leaves the block after
    it leaves it as ``Interrupted``.

    Args:
        say: Tells a person what the first signal does.
        clock: Seconds; a launcher that passes on what the terminal sent to the whole process group counts once.

    """

    def __init__(self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._first, self._at, self._is_final = "", 0.0, False
        self._before: dict[int, Any] = {}

    @property
    def signal(self) -> str:
        """Name of the first signal that arrived, or an empty text."""
        return self._first

    def last_words(self, say: Callable[[str], None], gone: Callable[[str], str]) -> Callable[[str], int]:
        """Give what a ``Watchdog`` does last, whether a person wanted the end or Ray is gone.

        Args:
            say: Tells a person.
            gone: Says how to go on, after a reason.

        """

        def words(reason: str) -> int:
            say(gone(f"interrupted by {self._first}" if self._first else reason))
            return INTERRUPTED if self._first else FAILED

        return words

    def install(self) -> None:
        """Take the two signals."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)

    def __enter__(self) -> Self:
        """Take the two signals and remember who had them."""
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back; raise ``Interrupted`` if the second one arrived, or one while Ray was starting."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if isinstance(error, SystemExit) and error.code == signal.SIGTERM:  # what Ray's own handler raises
            raise Interrupted(signal.SIGTERM.name) from error
        if self._is_final and not isinstance(error, Interrupted):
            raise Interrupted(self._first) from error

    def _handle(self, number: int, frame: FrameType | None) -> None:
        name, now = signal.Signals(number).name, self._clock()
        if not self._first:
            self._first, self._at = name, now
            self._say(f"{name}: running trials end at their next report; once more to stop now")
        elif name != self._first or now - self._at > _SAME_PRESS_S:
            for each in _SIGNALS:
                signal.signal(each, signal.SIG_IGN)
            self._is_final = True
            raise Interrupted(name)
