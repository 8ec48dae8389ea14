"""Query, response and history, and conversations of human and assistant: ms-swift's older forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trainable.data.records import IMAGE_TAG, Turn
from trainable.data.sources.draft import Draft, history_of, images_of, system_of, text_of
from trainable.errors import DataError

_INLINE = re.compile(r"<img>(.*?)</img>", re.DOTALL)


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    if "query" in row and "response" in row:
        return "the columns query and response"
    turns = row.get("conversation")
    if isinstance(turns, list) and all(isinstance(turn, dict) and "human" in turn for turn in turns):
        return "conversation of human and assistant"
    return None


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row.

    Raises:
        DataError: If it can't be used.

    """
    if "query" in row and "response" in row:
        turns = [*history_of(row), Turn(text_of(row["query"], "query"), text_of(row["response"], "response"))]
    else:
        turns = [
            Turn(text_of(turn.get("human"), "human"), text_of(turn.get("assistant"), "assistant"))
            for turn in row["conversation"]
        ]
    if not turns:
        raise DataError("the row has no turn")
    images = images_of(row)
    inline = [path for turn in turns for path in _INLINE.findall(turn.question)]
    if inline and images:
        raise DataError("the row names images both as <img> in its texts and in a column of their own")
    if images and not any(IMAGE_TAG in turn.question for turn in turns):
        # ms-swift puts images that no tag asks for before the first question
        turns[0] = replace(turns[0], question=IMAGE_TAG * len(images) + turns[0].question)
    turns = [replace(turn, question=_INLINE.sub(IMAGE_TAG, turn.question)) for turn in turns]
    return [Draft(system_of(row), tuple(turns), images or tuple(inline))]
