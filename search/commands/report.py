"""``paretune report``: what a sweep found."""

from __future__ import annotations

import argparse
from typing import Any

from search.commands.folders import add_folder, show_report
from search.exit_codes import EPILOG, OK


def add(commands: Any) -> None:
    """Add the command."""
    add_folder(commands.add_parser("report", help="write a sweep's report again", epilog=EPILOG), _report)


def _report(options: argparse.Namespace) -> int:
    show_report(options.folder)
    return OK
