"""An image, a box and the phrases that refer to it: RefCOCO as a table, ScreenSpot and other grounding lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from reprlib import repr as shortened
from typing import Any

from spaces.trial import Frame
from trainable.data.records import IMAGE_TAG, Turn
from trainable.data.sources.draft import Draft, Objects, images_of
from trainable.errors import DataError

_BOXES: Mapping[str, Frame | None] = {"bbox_xyxy": "pixels_xyxy", "bbox_xywh": "pixels_xywh", "bbox": None, "box": None}
"""Columns of the box, and the frame that their name tells."""

_LIST = "answer"
"""A column of phrases where it holds a list; a single one is the answer to a question."""

_PHRASES = ("sentences", "sentence", "sent", "expression", "referring", "phrase", "instruction", "caption", _LIST)


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    box, phrase = _column(row, _BOXES), _phrases(row)
    return f"the columns {box} and {phrase}" if box and phrase and images_of(row) else None


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row; every phrase asks for the box.

    Raises:
        DataError: If it can't be used.

    """
    box, column = _column(row, _BOXES), _phrases(row)
    if box is None or column is None:
        raise DataError(f"the row needs a box ({', '.join(_BOXES)}) and a phrase ({', '.join(_PHRASES)})")
    said = row[column] if isinstance(row[column], list) else [row[column]]
    return [_draft(row, phrase_of(one, column), box) for one in said]


def locate_turn(phrase: str) -> Turn:
    """Ask for the box that a phrase refers to; placeholders stand for phrase and box in the answer."""
    return Turn(f"{IMAGE_TAG}Locate {phrase}.", "<ref-object><bbox>")


def _draft(row: Mapping[str, Any], phrase: str, box: str) -> Draft:
    objects = Objects((phrase,), (row[box],), usual=_BOXES[box], where=box)
    return Draft(None, (locate_turn(phrase),), images_of(row), objects)


def phrase_of(value: Any, what: str) -> str:
    """Give a phrase, without the full stop at its end: a text, or RefCOCO's object around it.

    Args:
        value: As it stands in the data.
        what: What messages call it.

    Raises:
        DataError: If it is none.

    """
    found = next((value[key] for key in ("sent", "raw") if value.get(key)), None) if isinstance(value, dict) else value
    phrase = found.strip().rstrip(". ") if isinstance(found, str) else ""
    if not phrase:
        raise DataError(f"{what} must hold a phrase; got {shortened(value)}")
    if IMAGE_TAG in phrase:
        raise DataError(f"the phrase {shortened(phrase)} holds {IMAGE_TAG}")
    return phrase


def _phrases(row: Mapping[str, Any]) -> str | None:
    """Find the column of the phrases."""
    return _column(row, [name for name in _PHRASES if name != _LIST or isinstance(row.get(name), list)])


def _column(row: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((name for name in names if row.get(name) not in (None, "", [])), None)
