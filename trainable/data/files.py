"""JSON files of rows and the files that rows name, with errors that name the place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trainable.errors import DataError


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: If it does not exist, is not UTF-8 or not JSON; with line and column.

    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}:{error.colno} is not JSON: {error.msg}") from error
    except (OSError, ValueError, RecursionError) as error:  # ValueError: a number of more than 4300 digits
        raise DataError(f"{path} can't be read: {error}") from error


def read_json_lines(path: Path) -> Iterator[Any]:
    """Read a file of one JSON value a line; a line that can't be read gives its ``DataError`` instead.

    Raises:
        DataError: If the file can't be opened.

    """
    try:
        lines = path.open("rb")
    except OSError as error:
        raise DataError(f"{path} {'does not exist' if not path.exists() else f'can not be read: {error}'}") from error
    with lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _line(line, number)


def _line(line: bytes, number: int) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        return DataError(f"line {number} is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}")
    except json.JSONDecodeError as error:
        return DataError(f"line {number} is not JSON: {error.msg} at character {error.colno}")
    except (ValueError, RecursionError) as error:
        return DataError(f"line {number} can't be read: {error}")


def existing_file(folder: Path, name: Any, *, what: str) -> Path:
    """Give the resolved path of a file that a row names.

    Args:
        folder: Where relative names start.
        name: As it stands in the file.
        what: Begins the message, e.g. ``"the image"``.

    Raises:
        DataError: If the name is no text, can't be a path, or leads to no file.

    """
    if not isinstance(name, str):
        raise DataError(f"{what} must be a path; got {type(name).__name__}")
    try:
        path = (folder / name).resolve()
        exists = path.is_file()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{what} {name[:60]!a} is no path: {reason}") from error
    if not exists:
        raise DataError(f"{what} {path} does not exist")
    return path


def text_fault(value: Any) -> str | None:
    """Say why the texts in a JSON value can't be written or tokenised, or give ``None``."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return f"half of a surrogate pair, {error.object[error.start]!a}, can't be written"
    except RecursionError:
        return "it is nested too deep"
    return None


def nearest(name: str, names: list[str]) -> str:
    """Say which known name is meant, or list some."""
    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names[:10])}"
