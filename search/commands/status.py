"""``paretune status``: how far a sweep is."""

from __future__ import annotations

import argparse
from typing import Any

from search.commands.folders import add_folder
from search.exit_codes import EPILOG, OK


def add(commands: Any) -> None:
    """Add the command."""
    add_folder(commands.add_parser("status", help="say how far a sweep is", epilog=EPILOG), _status)


def _status(options: argparse.Namespace) -> int:
    from search.status import status_lines

    print("\n".join(status_lines(options.folder)))
    return OK
