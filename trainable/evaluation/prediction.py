"""What a model answered to single rows, as it travels from a worker to the driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from trainable.boxes import Box
from trainable.evaluation.parts import Part


@dataclass(frozen=True)
class Prediction:
    """The answer to one row.

    Attributes:
        item: Id of the row's record.
        text: As generated, native box tokens included.
        boxes_1000: Possible boxes in it, in thousandths of the image, flat: ``x1, y1, x2, y2`` of the first and so on;
            none for a row that is no grounding.
        scores: What the row adds to the numerator of each score of ``spaces.metrics`` that it counts for; for those of
            the whole corpus its own score.
        weights: What it adds to the denominators.

    """

    item: str
    text: str
    boxes_1000: tuple[float, ...]
    scores: Mapping[str, float]
    weights: Mapping[str, float]

    @classmethod
    def of(cls, item: str, text: str, *, boxes_1000: Sequence[Box], parts: Mapping[str, Part]) -> Self:
        """Give the answer to a row by its boxes and parts."""
        return cls(
            item,
            text,
            tuple(float(value) for box in boxes_1000 for value in box),
            {name: float(part.score) for name, part in parts.items()},
            {name: float(part.weight) for name, part in parts.items()},
        )


def plain_predictions(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Give answers as plain values, column by column: lists of one value for each, ``None`` where one has none."""
    names = dict.fromkeys(name for one in predictions for name in one.scores)
    return {
        "item": [one.item for one in predictions],
        "text": [one.text for one in predictions],
        "boxes_1000": [list(one.boxes_1000) for one in predictions],
        "scores": {name: [one.scores.get(name) for one in predictions] for name in names},
        "weights": {name: [one.weights.get(name) for one in predictions] for name in names},
    }


def predictions_from(plain: Mapping[str, Any]) -> tuple[Prediction, ...]:
    """Read what ``plain_predictions`` gave."""

    def of(columns: Mapping[str, Sequence[float | None]], place: int) -> dict[str, float]:
        return {name: value for name, values in columns.items() if (value := values[place]) is not None}

    return tuple(
        Prediction(item, text, tuple(boxes), of(plain["scores"], place), of(plain["weights"], place))
        for place, (item, text, boxes) in enumerate(zip(plain["item"], plain["text"], plain["boxes_1000"], strict=True))
    )
