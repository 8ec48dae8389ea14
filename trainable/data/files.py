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
        raise DataError(f"{path}:{error.lineno}:{error.colno} is not JSON: {error.msg}") from error
    except (OSError, ValueError, RecursionError) as error:  # ValueError: a number of more than 4300 digits
        raise DataError(f"{path} can't be read: {error}") from error


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
