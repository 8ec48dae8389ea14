"""Query, response and history, and conversations of human and assistant: ms-swift's older forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Any

from trainable.data.records import IMAGE_TAG
from trainable.data.sources.draft import Draft, images_of, listed, text_of
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
        turns = [_pair(pair) for pair in listed(row.get("history"), "history")]
        turns.append((text_of(row["query"], "query"), text_of(row["response"], "response")))
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
    system = row.get("system")
    return Draft(text_of(system, "system") if system else None, tuple(turns), images or tuple(inline))


def _pair(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise DataError(f"history must be pairs of question and answer; got {shortened(value)}")
    return text_of(value[0], "a question of history"), text_of(value[1], "an answer of history")
