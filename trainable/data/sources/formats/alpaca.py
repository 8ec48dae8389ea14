"""Instruction, input and output, with history: Alpaca."""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Any

from trainable.data.sources.draft import Draft, images_of, listed, text_of
from trainable.errors import DataError


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    return "the columns instruction and output" if {"instruction", "output"} <= row.keys() else None


def draft_of(row: Mapping[str, Any]) -> Draft:
    """Read one row; the input stands below the instruction.

    Raises:
        DataError: If it can't be used.

    """
    if isinstance(row["output"], list):
        raise DataError("the row holds preference pairs (a list of outputs); paretune trains on images and text")
    parts = [text_of(row[name], name) for name in ("instruction", "input") if row.get(name)]
    turns: list[tuple[str, str]] = []
    for pair in listed(row.get("history"), "history"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise DataError(f"history must be pairs of question and answer; got {shortened(pair)}")
        turns.append((text_of(pair[0], "a question of history"), text_of(pair[1], "an answer of history")))
    turns.append(("\n".join(parts), text_of(row["output"], "output")))
    system = row.get("system")
    return Draft(text_of(system, "system") if system else None, tuple(turns), images_of(row))
