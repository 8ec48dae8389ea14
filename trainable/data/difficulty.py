"""How hard each grounding row is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from spaces.curriculum import Difficulty, Order
from trainable.boxes import area
from trainable.data.records import IMAGE_TAG, Record
from trainable.errors import DataError

Measure = tuple[float, ...]


def difficulty_of(record: Record, difficulty: Difficulty) -> Measure | None:
    """Measure one grounding row; larger is harder.

    Args:
        record: With at least one box.
        difficulty: ``box_area`` makes a small first box hard; ``distractors`` many other objects of its class;
            ``phrase_length`` a question of many words, then of many letters; ``boxes`` an answer of many boxes.

    Returns:
        Numbers that compare in order; ``None`` if the row does not say, or if the measure is not a row's own
        (``base_loss`` and ``random``).

    """
    match difficulty:
        case "box_area":
            return (-area(record.boxes_1000[0]),)
        case "distractors":
            return None if record.distractors is None else (record.distractors,)
        case "phrase_length":
            question = record.turns[-1].question.replace(IMAGE_TAG, " ")
            return (len(question.split()), len(question.strip()))
        case "boxes":
            return (len(record.boxes_1000),)
        case "base_loss" | "random":
            return None


def difficulty_ranks(
    records: Sequence[Record],
    *,
    difficulty: Difficulty,
    order: Order,
    seed: int,
    base_losses: Callable[[], Sequence[float]],
) -> list[float | None]:
    """Rank grounding rows from those that come first to those that come last.

    Args:
        records: Of the training split.
        difficulty: What makes a row hard; ``random`` is the control.
        order: ``easy_first``, or ``anti`` for hard rows first.
        seed: Of the random order, and of the order among equal rows.
        base_losses: Gives the base's loss of every grounding row, in order; called for ``base_loss`` alone.

    Returns:
        For each row a rank in [0, 1), or ``None`` for a text row, which is always available.

    Raises:
        DataError: If the measure is unknown for a row.

    """
    grounding = [index for index, record in enumerate(records) if record.task == "grounding"]
    if difficulty == "base_loss":
        measures: list[Measure] = [(loss,) for loss in base_losses()]
    elif difficulty == "random":
        measures = [()] * len(grounding)
    else:
        measures = [_known(records[index], difficulty) for index in grounding]
    sign = 1 if order == "easy_first" else -1

    def key(place: int) -> tuple[Measure, bytes]:
        name = f"{seed}/{records[grounding[place]].id}"
        return tuple(sign * part for part in measures[place]), hashlib.sha256(name.encode()).digest()

    ranks: list[float | None] = [None] * len(records)
    for rank, place in enumerate(sorted(range(len(grounding)), key=key)):
        ranks[grounding[place]] = rank / len(grounding)
    return ranks


def _known(record: Record, difficulty: Difficulty) -> Measure:
    measure = difficulty_of(record, difficulty)
    if measure is None:
        raise DataError(f"{record.words} does not say how many {difficulty} it has; sort rows by another difficulty")
    return measure
