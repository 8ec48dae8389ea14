"""What is wrong in a mapping, in words: what was found, what was expected, and the fix."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """Something wrong in a mapping.

    Attributes:
        path: Keys from the top to the faulty place.
        message: What was found and what was expected.
        candidates: Valid names, where an unknown one was found.
        fix: A sentence that says what to do, where that is not plain.
        at_key: Whether the key itself is wrong, rather than its value.

    """

    path: Path
    message: str
    candidates: tuple[str, ...] = ()
    fix: str = ""
    at_key: bool = False


_KINDS: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
}

_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def fault_of(error: ErrorDetails, path: Path) -> Fault:
    """Turn one of pydantic's errors into a fault at a path."""
    kind, found = error["type"], cast(object, error["input"])
    context = cast(Mapping[str, Any], error.get("ctx", {}))
    if kind in _KINDS:
        return Fault(path, f"got {shown(found)}; expected {_KINDS[kind]}", fix=_fix(kind, found))
    if kind in _BOUNDS:
        words, limit = _BOUNDS[kind]
        return Fault(path, f"got {shown(found)}; expected {words} {context[limit]:g}")
    match kind:
        case "literal_error" | "union_tag_invalid":
            expected = str(context.get("expected", context.get("expected_tags")))
            tag = context.get("tag", found)
            names = tuple(re.findall(r"'([^']*)'", expected))
            return Fault(path, f"got {shown(tag)}; expected {expected}", names)
        case "missing":
            return Fault(path, "missing; the key is required", fix="Add it.", at_key=True)
        case "extra_forbidden":
            return Fault(path, f"unknown key {str(path[-1])!r}", at_key=True)
        case "string_too_short":
            return Fault(path, "got an empty text; expected one that is not empty")
        case "too_short":
            return Fault(path, f"got {_count(context['actual_length'])}; expected at least {context['min_length']}")
        case "too_long":
            return Fault(path, f"got {_count(context['actual_length'])}; expected at most {context['max_length']}")
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return Fault(path, message[:1].lower() + message[1:], tuple(context.get("candidates", ())))


def scalar_fault(found: object, path: Path) -> Fault:
    """Say that something is neither number nor text nor truth value."""
    return Fault(path, f"got {shown(found)}; expected a number, a text, true or false")


def shown(value: object) -> str:
    """Show a value as a sweep file would write it, shortened."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            names = ", ".join(str(name) for name in cast(Mapping[object, object], value))
            return _short(f"the keys {names}" if names else "an empty mapping")
        case str():
            return _short(repr(value))
        case Sequence():
            inner = ", ".join(shown(part) for part in cast(Sequence[object], value)[:20])
            return _short(f"[{inner}]")
        case _:
            return _short(repr(value))


def _fix(kind: str, found: object) -> str:
    expected = _KINDS[kind]
    if found is None:
        return "Give a value or remove the key."
    if expected == "a text":
        return "Put it in quotes." if isinstance(found, int | float) else ""
    if expected == "a list" and isinstance(found, bool | int | float | str):
        return f"Write [{found if isinstance(found, str) else shown(found)}]."
    if not isinstance(found, str):
        return ""
    if expected == "true or false":
        return "Write true or false, without quotes."
    return "Remove the quotes." if "number" in expected and _is_number(found) else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _count(length: object) -> str:
    return "1 item" if length == 1 else f"{length} items"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
