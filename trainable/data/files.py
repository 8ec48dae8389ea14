"""JSON files, with errors that name the place."""

from __future__ import annotations

import json
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
        raise DataError(json_fault(error, path)) from error
    except (OSError, ValueError, RecursionError) as error:  # ValueError: a number of more than 4300 digits
        raise DataError(f"{path} can't be read: {error}") from error


def json_fault(error: json.JSONDecodeError, path: Path) -> str:
    """Say where and why a text is not JSON, and what to do."""
    reason = error.msg.removesuffix(" at").removesuffix(" starting")
    return f"{path}:{error.lineno}:{error.colno} is not JSON: {reason[:1].lower()}{reason[1:]}; {_json_fix(error)}"


def _json_fix(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos : error.pos + 2]
    if not error.doc.strip():
        return "the file is empty"
    if rest.startswith("'"):
        return "names and texts stand in double quotes: this looks like a printed Python object"
    if rest == "//" or rest.startswith("#"):
        return "JSON has no comments"
    if not error.doc[error.pos :].strip():
        return "the file ends too early: it may be cut off"
    if error.msg.startswith("Unterminated string"):
        return "end it with a double quote, or see whether the file is cut off"
    if error.msg.startswith("Invalid control character"):
        return r"in a text, write a line end as \n and a tab as \t"
    if rest.startswith(("]", "}")) and error.doc[: error.pos].rstrip().endswith(","):
        return "remove the comma before it"
    return "mend it there"


def text_fault(value: Any) -> str | None:
    """Say why the texts in a JSON value can't be written or tokenised, or give ``None``."""
    try:
        json.dumps(value, ensure_ascii=False, default=lambda other: "").encode()  # Parquet has bytes and dates
    except UnicodeEncodeError as error:
        return f"half of a surrogate pair, {error.object[error.start]!a}, can't be written"
    except RecursionError:
        return "it is nested too deep"
    except (TypeError, ValueError) as error:  # a pickle may hold a number of more than 4300 digits, or itself
        return f"it holds what JSON can't say: {error}"
    return None


def nearest(name: str, names: list[str]) -> str:
    """Say which known name is meant, or list some."""
    close = get_close_matches(name[:100], names, n=1)
    return (
        f"did you mean {shown(close[0])!r}?"
        if close
        else f"known are {', '.join(shown(one, 40) for one in names[:10])}"
    )


def shown(name: str, longest: int = 100) -> str:
    """Give a name as messages can hold it: cut, and what can't be written escaped."""
    return name[:longest].encode(errors="backslashreplace").decode() + ("…" if len(name) > longest else "")
