"""One driver's life under watch: the random instants at which it or its worker dies."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from chaos_journal import count_events
from chaos_processes import Driver

PATIENCE_S = 300
"""A driver that notes nothing for so long hangs."""


class Life:
    """A driver, and the journal in which it and its workers note what they do.

    Args:
        driver: Just started.
        journal: Of the sweep.
        log: Takes the driver's output.

    """

    def __init__(self, driver: Driver, *, journal: Path, log: Path) -> None:
        self.driver, self._journal, self._log = driver, journal, log

    def wait_for_end(self) -> None:
        """Wait until the driver has ended.

        Raises:
            AssertionError: If no event comes for minutes.

        """
        self._wait(lambda: False)

    def let_pass(self, chance: random.Random, *, start_s: float, is_start: bool) -> None:
        """Wait for a random instant, unless the driver ends before it.

        Args:
            chance: Draws it.
            start_s: Time from the start to the first training step, in seconds.
            is_start: Whether it lies anywhere in the start, or shortly after some more events.

        """
        events, pause_s = chance.randint(1, 60), chance.uniform(0, 0.4)
        if is_start:
            events, pause_s = 0, chance.uniform(0, start_s)
        target = count_events(self._journal) + events
        self._wait(lambda: count_events(self._journal) >= target)
        self.driver.has_ended(pause_s)

    def workers(self, *, is_starting: bool) -> dict[int, str]:
        """Wait for a worker; none is found if the driver ends before.

        Args:
            is_starting: Whether one counts that still imports what it will run.

        """
        found: dict[int, str] = {}

        def find() -> bool:
            found.update(self.driver.workers(is_starting=is_starting))
            return bool(found)

        self._wait(find)
        return found

    def words(self) -> str:
        """Give the end of what the driver said."""
        return self._log.read_text(errors="replace")[-5000:]

    def _wait(self, is_true: Callable[[], bool]) -> None:
        events, since = -1, time.monotonic()
        while not is_true() and not self.driver.has_ended(0.05):
            if (now := count_events(self._journal)) != events:
                events, since = now, time.monotonic()
            assert time.monotonic() < since + PATIENCE_S, f"nothing happened for {PATIENCE_S} s\n{self.words()}"
