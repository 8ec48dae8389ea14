"""``paretune status``: how far a sweep is, once or as long as it runs."""

from __future__ import annotations

import argparse
from typing import Any

from search.commands.folders import add_folder
from search.commands.output import add_json, say, show
from search.exit_codes import EPILOG, INTERRUPTED, OK

_EVERY_S = 2.0


def add(commands: Any) -> None:
    """Add the command."""
    status = commands.add_parser("status", help="say how far a sweep is, once or as long as it runs", epilog=EPILOG)
    add_folder(status, _status)
    ways = status.add_mutually_exclusive_group()
    ways.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=_EVERY_S,
        metavar="SECONDS",
        help=f"look again every so many seconds ({_EVERY_S:g} if not said) until the sweep has ended; Ctrl-C stops "
        "watching, and the sweep goes on",
    )
    add_json(ways)


def _status(options: argparse.Namespace) -> int:
    if options.watch is None:
        from search.status import status_of

        status = status_of(options.folder)
        show(options, status.lines(), status.result())
        return OK
    from search.watching import watch

    try:
        watch(options.folder, every_s=options.watch)
    except KeyboardInterrupt:
        say("no longer watching; the sweep goes on by itself")
        return INTERRUPTED
    return OK


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"got {text}; expected 0.1 to 3600 seconds")
    return seconds
