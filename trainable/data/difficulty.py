"""How hard each grounding row is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from spaces.curriculum import Difficulty
from trainable.boxes import area
from trainable.data.records import Record


def difficulty_ranks(records: Sequence[Record], *, difficulty: Difficulty, seed: int) -> list[float | None]:
    """Rank grounding rows from easy to hard.

    Args:
        records: Of the training split.
        difficulty: ``box_area`` puts large boxes first; ``random`` is the control.
        seed: Of the random order, and of the order among equal rows.

    Returns:
        For each row a rank in [0, 1), or ``None`` for a text row, which is always available.

    """

    def key(index: int) -> tuple[float, bytes]:
        record = records[index]
        measure = -area(record.boxes_1000[0]) if difficulty == "box_area" else 0.0
        return measure, hashlib.sha256(f"{seed}/{record.id}".encode()).digest()

    grounding = sorted((index for index, record in enumerate(records) if record.task == "grounding"), key=key)
    ranks: list[float | None] = [None] * len(records)
    for place, index in enumerate(grounding):
        ranks[index] = place / len(grounding)
    return ranks
