"""What commands on a sweep's folder share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from search.errors import RecordError


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
    from results import write_report
    from search.front_table import print_front
    from search.storage_fault import StorageGuard

    with StorageGuard(folder, again="report"):
        path = write_report(folder)
    print_front(folder)
    print(f"report: {path}")
