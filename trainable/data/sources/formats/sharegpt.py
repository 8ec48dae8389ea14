"""Conversations of from and value: LLaVA, 2U1, Qwen's own fine-tuning code and ShareGPT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainable.data.sources.draft import Draft, Said, images_of, paired, text_of


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    turns = row.get("conversations")
    if isinstance(turns, list) and all(isinstance(turn, dict) and "from" in turn for turn in turns):
        return "conversations of from and value"
    return None


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row.

    Raises:
        DataError: If it can't be used.

    """
    said = [
        Said(text_of(turn.get("from"), "a turn's from"), text_of(turn.get("value"), "a turn's value"))
        for turn in row["conversations"]
    ]
    if isinstance(row.get("system"), str) and row["system"] and said and said[0].role != "system":
        said.insert(0, Said("system", row["system"]))
    return [Draft(*paired(said), images_of(row))]
