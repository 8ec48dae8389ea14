"""Takes the driver out of Ray when Ray is gone; Ray's own calls would wait for ever."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from search.errors import Interrupted, RayLost

_PERIOD_S = 0.5
_REPEAT_S = 1.0
_MOST_SIGNALS = 5


class Watchdog:
    """Watches Ray from a thread, and raises ``RayLost`` in the main thread when it is gone.

    The exception comes by a signal, SIGUSR2: Ray's compiled code looks for signals while it waits. It may lose the
    exception, so the signal is repeated. Where Ray waits for its head it does not look; then nothing but the end of
    the process is left, which loses nothing, since everything measured is on disk.

    Args:
        loss: Tells why Ray is gone, or an empty text.
        last_words: Says why the process ends although the main thread can't be reached, and gives the exit code.

    """

    def __init__(self, loss: Callable[[], str], *, last_words: Callable[[str], int]) -> None:
        self._loss, self._last_words = loss, last_words
        self._reason = ""
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._main = threading.main_thread().ident or 0
        self._before: Any = None

    def check(self) -> None:
        """Raise ``RayLost`` if Ray is gone."""
        if reason := self._reason or self._loss():
            raise RayLost(reason)

    def __enter__(self) -> Self:
        """Start to watch."""
        self._before = signal.signal(signal.SIGUSR2, self._handle)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop to watch; whatever leaves the block of a Ray that is gone leaves it as ``RayLost``."""
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        self._is_over.set()
        self._thread.join()
        signal.signal(signal.SIGUSR2, self._before)
        if not isinstance(error, RayLost | Interrupted):
            self.check()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        raise RayLost(self._reason)

    def _watch(self) -> None:
        while not self._is_over.wait(_PERIOD_S):
            if reason := self._loss():
                self._reason = reason
                self._get_out()
                return

    def _get_out(self) -> None:
        for _ in range(_MOST_SIGNALS):
            signal.pthread_kill(self._main, signal.SIGUSR2)
            if self._is_over.wait(_REPEAT_S):
                return
        code = self._last_words(self._reason)
        sys.stdout.flush()
        os._exit(code)
