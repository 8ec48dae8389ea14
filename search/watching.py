"""Shows how far a sweep is for as long as it runs: live on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from results.sweep_file import SWEEP_FILE
from results.words import duration_text
from search.folder_lock import work_in
from search.status import SweepStatus, status_of

_MOST_RUNNING = 20
_MOST_FRONT = 30
_LOOKED_AT = ("trials", "reports")


def watch(folder: Path, *, every_s: float, pause: Callable[[float], None] = time.sleep) -> SweepStatus:
    """Show a sweep until its driver has left the folder.

    The record is read again only when one of its files has changed.

    Args:
        folder: Of the sweep; its driver may be writing.
        every_s: Seconds between two looks.
        pause: Waits.

    Returns:
        How far the sweep was at the last look.

    Raises:
        ResultsError: If the folder holds no readable sweep.
        KeyboardInterrupt: When the person has seen enough.

    """
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    while work_in(folder) and not (folder / SWEEP_FILE).exists():
        pause(every_s)  # a driver that is starting
    if not console.is_terminal:
        return _follow(folder, console, every_s=every_s, pause=pause)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            status = status_of(folder)
            live.update(picture(status), refresh=True)
            if not status.is_running:
                return status
            pause(every_s)


def _follow(folder: Path, console: Console, *, every_s: float, pause: Callable[[float], None]) -> SweepStatus:
    """Print a line whenever the record has grown, and everything at the end."""
    seen: Sequence[object] = ()
    while True:
        files = _files(folder)
        status = status_of(folder)
        if not status.is_running:
            console.print("\n".join(status.lines()), markup=False)
            return status
        if files != seen:
            console.print(_line(status), markup=False)
            seen = files
        pause(every_s)


def _files(folder: Path) -> list[tuple[str, int, int]]:
    parts = [part for table in _LOOKED_AT for part in (folder / table).glob("part-*.parquet")]
    found: list[tuple[str, int, int]] = []
    for part in sorted(parts):
        stat = part.stat()
        found.append((str(part), stat.st_mtime_ns, stat.st_size))
    return found


def _line(status: SweepStatus) -> str:
    parts = [status.counts()]
    if status.running:
        parts.append("running " + ", ".join(f"{one.trial} (step {one.step})" for one in status.running))
    if status.hypervolume is not None:
        parts.append(f"hypervolume {status.hypervolume:.4g}")
    if status.seconds_left is not None:
        parts.append(f"about {duration_text(status.seconds_left)} left")
    return "; ".join(parts)


def picture(status: SweepStatus) -> Group:
    """Draw a status for a terminal."""
    words = [status.counts()]
    if status.hypervolume is not None:
        words.append(f"hypervolume {status.hypervolume:.4g}")
    if status.seconds_left is not None:
        words.append(f"about {duration_text(status.seconds_left)} left")
    head = Text(f"{status.folder}: {'; '.join(words)}")
    bar = ProgressBar(total=status.trials, completed=status.ended, width=60)
    return Group(head, bar, *_running(status), *_front(status))


def _running(status: SweepStatus) -> list[Table]:
    if not status.running:
        return []
    table = Table(title="not ended", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("trial", "step", *status.objectives):
        table.add_column(column, justify="right")
    for one in status.running[:_MOST_RUNNING]:
        scores = (one.scores.get(name) for name in status.objectives)
        table.add_row(str(one.trial), f"{one.step} of {one.steps}", *(_score(score) for score in scores))
    return [table]


def _front(status: SweepStatus) -> list[Table]:
    if not status.front:
        return []
    table = Table(title="front and baseline", box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("trial", "role", *status.objectives):
        table.add_column(column, justify="right")
    table.add_column("settings", overflow="fold")
    for one in status.front[:_MOST_FRONT]:
        role = ", ".join(["front"] * one.on_front + ([one.role] if one.role != "search" else []))
        settings = " ".join(f"{key}={_value(value)}" for key, value in one.settings.items())
        scores = (one.values[name] for name in status.objectives)
        table.add_row(str(one.trial), role, *(_score(score) for score in scores), settings)
    return [table]


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
