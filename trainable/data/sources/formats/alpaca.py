"""Instruction, input and output, with history: Alpaca."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainable.data.records import Turn
from trainable.data.sources.draft import Draft, history_of, images_of, system_of, text_of
from trainable.errors import DataError


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    return "the columns instruction and output" if {"instruction", "output"} <= row.keys() else None


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row; the input stands below the instruction.

    Raises:
        DataError: If it can't be used.

    """
    if isinstance(row["output"], list):
        raise DataError("the row holds preference pairs (a list of outputs); paretune trains on images and text")
    parts = [text_of(row[name], name) for name in ("instruction", "input") if row.get(name)]
    if not parts:
        raise DataError("the row has neither instruction nor input; there is no question")
    turns = (*history_of(row), Turn("\n".join(parts), text_of(row["output"], "output")))
    return [Draft(system_of(row), turns, images_of(row))]
