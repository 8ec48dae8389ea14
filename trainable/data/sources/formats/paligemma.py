"""Image, prefix and suffix, boxes as location tokens: PaliGemma and maestro."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trainable.data.records import IMAGE_TAG, Turn
from trainable.data.sources.draft import Draft, Objects, text_of
from trainable.errors import DataError

_GRID = 1024
_OBJECT = re.compile(r"((?:<loc[0-9]{4}>){4})\s*([^;<]*?)\s*(?=;|$)")
_LOCATION = re.compile(r"<loc([0-9]{4})>")


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    return "the columns prefix and suffix" if {"prefix", "suffix"} <= row.keys() else None


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row; ``<locYYYY><locXXXX><locYYYY><locXXXX> NAME`` becomes a phrase and its box.

    Raises:
        DataError: If it holds segmentation tokens or location tokens that are no box.

    """
    question = text_of(row["prefix"], "prefix")
    answer = text_of(row["suffix"], "suffix").removesuffix("<eos>")
    if "<seg" in answer:
        raise DataError("the row holds segmentation (<seg…>); paretune trains on boxes and text")
    refs: list[str] = []
    boxes: list[list[float]] = []

    def replace(match: re.Match[str]) -> str:
        y1, x1, y2, x2 = (int(value) / _GRID for value in _LOCATION.findall(match[1]))
        refs.append(match[2])
        boxes.append([x1, y1, x2, y2])
        return "<ref-object><bbox>"

    answer = _OBJECT.sub(replace, answer)
    if "<loc" in answer:
        raise DataError("the row's location tokens are no boxes; expected four <loc…> and a name, apart by ;")
    objects = Objects(tuple(refs), tuple(boxes), frame="norm1", where="location tokens") if boxes else None
    return [Draft(None, (Turn(IMAGE_TAG + question, answer),), (row.get("image"),), objects)]
