"""What commands print: lines for people, or one JSON object for programs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any


def add_json(command: argparse._ActionsContainer) -> None:
    """Let a command print its result as JSON."""
    command.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else on standard output"
    )


def show(options: argparse.Namespace, lines: Iterable[str], result: Mapping[str, Any]) -> None:
    """Print a command's result: the lines, or with ``--json`` the object; what is not finite is ``null``."""
    print_result(
        json.dumps(_finite(result), indent=2, ensure_ascii=False, default=str) if options.json else "\n".join(lines)
    )


def tell(options: argparse.Namespace, lines: Iterable[str]) -> None:
    """Print lines on the way to a result; with ``--json`` on standard error, which leaves the result alone."""
    print("\n".join(lines), file=sys.stderr if options.json else sys.stdout, flush=True)


def say(text: str) -> None:
    """Tell a person something beside the result."""
    print(f"paretune: {text}", file=sys.stderr, flush=True)


def print_result(text: str) -> None:
    """Print a result; a reader that has seen enough, such as ``head``, is no fault."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it ends


def _finite(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case _:
            return value
