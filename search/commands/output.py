"""What commands print: lines for people, or one JSON object for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any


def add_json(command: argparse.ArgumentParser) -> None:
    """Let a command print its result as JSON."""
    command.add_argument(
        "--json", action="store_true", help="print one JSON object and nothing else on standard output"
    )


def show(options: argparse.Namespace, lines: Iterable[str], result: Mapping[str, Any]) -> None:
    """Print a command's result: the lines, or with ``--json`` the object; what is not finite is ``null``."""
    print(json.dumps(_finite(result), indent=2, ensure_ascii=False, default=str) if options.json else "\n".join(lines))


def say(text: str) -> None:
    """Tell a person something beside the result."""
    print(f"paretune: {text}", file=sys.stderr, flush=True)


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
