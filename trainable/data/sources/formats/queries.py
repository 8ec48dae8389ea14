"""Query, response and history, and conversations of human and assistant: ms-swift's older forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from trainable.data.records import IMAGE_TAG
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


def draft_of(row: Mapping[str, Any]) -> Draft:
    """Read one row.

    Raises:
        DataError: If it can't be used.

    """
    if "query" in row and "response" in row:
        turns = [*history_of(row), (text_of(row["query"], "query"), text_of(row["response"], "response"))]
    else:
        turns = [
            (text_of(turn.get("human"), "human"), text_of(turn.get("assistant"), "assistant"))
            for turn in row["conversation"]
        ]
    if not turns:
        raise DataError("the row has no turn")
    images = images_of(row)
    inline = [path for question, _ in turns for path in _INLINE.findall(question)]
    if inline and images:
        raise DataError("the row names images both as <img> in its texts and in a column of their own")
    if images and not any(IMAGE_TAG in question for question, _ in turns):
        # ms-swift puts images that no tag asks for before the first question
        turns[0] = (IMAGE_TAG * len(images) + turns[0][0], turns[0][1])
    turns = [(_INLINE.sub(IMAGE_TAG, question), answer) for question, answer in turns]
    return Draft(system_of(row), tuple(turns), images or tuple(inline))
