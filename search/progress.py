"""What a person sees while a sweep runs: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from search.recorder import Ending
from spaces import TrialConfig
from spaces.metrics import shown_scores
from trainable.report import TrialReport


class SweepProgress:
    """Prints one line for each event of a trial; on a terminal a bar stays below them.

    Args:
        trials: Number of trials of the sweep.
        ended: How many of them ended before this run.
        objectives: The two scores that lines show.
        on_stderr: Whether to leave standard output to a result.

    """

    def __init__(
        self,
        *,
        trials: int,
        ended: int,
        objectives: tuple[str, str],
        on_stderr: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._objectives = objectives
        self._clock, self._started = clock, clock()
        self._trials, self._ended = trials, ended
        self._console = Console(highlight=False, soft_wrap=True, stderr=on_stderr)
        self._bar: Progress | None = None
        if (sys.stderr if on_stderr else sys.stdout).isatty():
            self._bar = Progress(
                TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=self._console
            )
            self._task = self._bar.add_task("trials", total=trials, completed=ended)

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def started(self, config: TrialConfig) -> None:
        """Say that a trial starts."""
        again = f", attempt {config.attempt + 1}" if config.attempt else ""
        role = " (plain baseline)" if config.number == 0 else ""
        self._line(f"trial {config.number} starts{role}{again}")

    def reported(self, config: TrialConfig, report: TrialReport) -> None:
        """Say what a trial reports."""
        self._line(f"trial {config.number} step {report.step}: {shown_scores(self._objectives, report.metrics)}")

    def ended(self, config: TrialConfig, ending: Ending) -> None:
        """Say how a trial ended."""
        self._ended += 1
        if self._bar:
            self._bar.update(self._task, completed=self._ended)
        self._line(f"trial {config.number} {ending.state} [{self._ended}/{self._trials}]: {ending.reason}")

    def _line(self, text: str) -> None:
        self._console.print(f"{self._clock() - self._started:7.1f} s  {text}", markup=False)
