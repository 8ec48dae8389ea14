"""What commands on a sweep file share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.spec import SweepSpec


def add_sweep_file(command: argparse.ArgumentParser) -> None:
    """Let a command take a sweep file and changes of its keys."""
    command.add_argument("file", type=Path, metavar="FILE", help="the sweep file")
    add_overrides(command)


def add_overrides(command: argparse.ArgumentParser) -> None:
    """Let a command take changes of a sweep file's keys."""
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a key of the file, e.g. search.trials=4; may be repeated",
    )


def warm_lines(spec: SweepSpec, *, data_hash: str) -> list[str]:
    """Say what carries over from earlier sweeps."""
    if not spec.search.warm_start:
        return []
    from search.warm_start import read_warm_starts

    return [line for carried in read_warm_starts(spec, data_hash=data_hash) for line in carried.lines()]
