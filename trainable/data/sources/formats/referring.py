"""An image, a box and the phrases that refer to it: RefCOCO as a table, ScreenSpot and other grounding lists."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Any

from spaces.trial import Frame
from trainable.data.records import IMAGE_TAG, Turn
from trainable.data.sources.draft import Draft, Objects, images_of
from trainable.errors import DataError

_BOXES: Mapping[str, Frame | None] = {"bbox_xyxy": "pixels_xyxy", "bbox_xywh": "pixels_xywh", "bbox": None, "box": None}
"""Columns of the box, and the frame that their name tells."""

_PHRASES = ("sentences", "sentence", "sent", "expression", "referring", "phrase", "instruction", "caption", "answer")


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    box, phrase = _column(row, _BOXES), _column(row, _PHRASES)
    return f"the columns {box} and {phrase}" if box and phrase and images_of(row) else None


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row; every phrase asks for the box.

    Raises:
        DataError: If it can't be used.

    """
    box, column = _column(row, _BOXES), _column(row, _PHRASES)
    if box is None or column is None:
        raise DataError(f"the row needs a box ({', '.join(_BOXES)}) and a phrase ({', '.join(_PHRASES)})")
    said = row[column] if isinstance(row[column], list) else [row[column]]
    return [_draft(row, _phrase(one, column), box) for one in said]


def locate_turn(phrase: str) -> Turn:
    """Ask for the box that a phrase refers to; placeholders stand for phrase and box in the answer."""
    return Turn(f"{IMAGE_TAG}Locate {phrase}.", "<ref-object><bbox>")


def _draft(row: Mapping[str, Any], phrase: str, box: str) -> Draft:
    objects = Objects((phrase,), (row[box],), usual=_BOXES[box], where=box)
    return Draft(None, (locate_turn(phrase),), images_of(row), objects)


def _phrase(value: Any, column: str) -> str:
    found = value.get("sent", value.get("raw")) if isinstance(value, dict) else value
    if not isinstance(found, str) or not found.strip():
        raise DataError(f"{column} must hold a phrase; got {shortened(value)}")
    if IMAGE_TAG in found:
        raise DataError(f"the phrase {shortened(found)} holds {IMAGE_TAG}")
    return found.strip().rstrip(".")


def _column(row: Mapping[str, Any], names: Mapping[str, Any] | tuple[str, ...]) -> str | None:
    return next((name for name in names if row.get(name) not in (None, "", [])), None)
