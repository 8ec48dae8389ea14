"""A fault of a sweep file as one line with the nearest valid names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import BaseModel

from search.spec import SweepSpec, key_fields, models_in
from spaces import Fault, SearchSpace
from spaces.faults import Path

_MAX_NAMES = 4
_LONGEST_WORD = 80


def fault_text(place: str, fault: Fault) -> str:
    """Say where a fault is, what was found and expected, the nearest valid name and the fix.

    Args:
        place: ``FILE:LINE:COLUMN`` or the override.
        fault: What is wrong; its path starts at the top of the sweep file.

    Returns:
        ``PLACE: key.path: found; expected. Did you mean 'x'? Fix.``

    """
    key = ".".join(_cut(str(part)) for part in fault.path)
    message, near = _message_and_names(fault)
    hint = f"Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    sentences = " ".join(part for part in (f"{_cut_words(message)}.", hint, _cut_words(fault.fix)) if part)
    return f"{place}: {key}: {sentences}" if key else f"{place}: {sentences}"


def _cut(word: str) -> str:
    """Keep a word of the file short; nothing valid is so long."""
    return word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…"


def _cut_words(text: str) -> str:
    """Keep words short; a path may be long, its parts are not."""
    return re.sub(rf"[^\s/]{{{_LONGEST_WORD},}}", lambda match: _cut(match[0]), text)


def _message_and_names(fault: Fault) -> tuple[str, Sequence[str]]:
    if not fault.message.startswith("unknown key"):
        found = re.match(r"got '([^']*)'", fault.message)
        return fault.message, close_names(found[1], fault.candidates) if found else ()
    wrong = str(fault.path[-1])
    if "in a condition" in fault.message:
        return fault.message, _nearest(wrong, fault.candidates, fault.candidates)
    if "of a dimension" in fault.message:
        return f"{fault.message}; expected {_listed(fault.candidates)}", close_names(wrong, fault.candidates)
    siblings = fault.candidates or _names_at(fault.path[:-1])
    message = f"{fault.message}; expected {_listed(siblings)}" if siblings else fault.message
    return message, _nearest(wrong, siblings, [key for key, _ in key_fields()])


def _nearest(wrong: str, siblings: Sequence[str], keys: Sequence[str]) -> Sequence[str]:
    """Give the close name of the same level and the keys of other levels that end alike."""
    ends: dict[str, list[str]] = {}
    for key in dict.fromkeys(keys):
        ends.setdefault(key.rpartition(".")[2], []).append(key)
    near = [*close_names(wrong, siblings), *ends.get(wrong, [])]
    if not near:
        near = [key for end in close_names(wrong, list(ends)) for key in ends[end]]
    return near[:_MAX_NAMES]


def close_names(wrong: str, names: Sequence[str]) -> Sequence[str]:
    """Give the valid name that is most like a wrong one, or none."""
    return get_close_matches(wrong[:100], names, n=1)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _names_at(path: Path) -> Sequence[str]:
    """Give the keys that a sweep file may have below a path."""
    models: Sequence[type[BaseModel]] = [SweepSpec]
    for part in path:
        if isinstance(part, str):
            fields = [model.model_fields[part] for model in models if part in model.model_fields]
            models = [model for field in fields for model in models_in(field.annotation)]
    return list(dict.fromkeys(name for model in models if model is not SearchSpace for name in model.model_fields))
