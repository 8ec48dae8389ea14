"""What commands on a sweep's folder share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import RecordError

if TYPE_CHECKING:
    from results import ReportFiles


def add_folder(command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """Let a command take a sweep's folder, and complain in one line if it can't be read."""
    command.add_argument("folder", type=Path, metavar="DIR", help="the sweep's folder")
    command.set_defaults(run=on_folder(run))


def on_folder(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Let a command that reads a sweep's folder complain in one line if it can't be read."""

    def reading(options: argparse.Namespace) -> int:
        from results import ResultsError

        try:
            return run(options)
        except ResultsError as error:
            raise RecordError(str(error)) from error

    return reading


def show_report(folder: Path) -> None:
    """Write a sweep's report, and print its front and where the report lies."""
    from search.front_table import print_front

    files = write_sweep_report(folder)
    print_front(folder)
    print(f"report: {files.html}")


def out_words(out: Path | None) -> Sequence[str]:
    """Give the words of ``--out``, to repeat a command."""
    return () if out is None else ("--out", str(out))


def write_sweep_report(folder: Path, *, out: Path | None = None) -> ReportFiles:
    """Write a sweep's report with all that only the search can compute.

    Args:
        folder: The sweep's folder.
        out: The HTML file, if it is not to lie in the folder.

    """
    from results import write_report
    from search.explain import explain
    from search.storage_fault import StorageGuard

    with StorageGuard(folder, again="report", after=out_words(out), place=None if out is None else out.parent):
        return write_report(folder, out=out, explain=explain)
