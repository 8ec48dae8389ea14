"""Scores of parts of the rows: where a model is good, and where it is not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from trainable.boxes import UNITS, area
from trainable.data.records import IMAGE_TAG, Record
from trainable.evaluation.grounding import ACCURATE, GroundedAnswer, first_iou, reaches
from trainable.evaluation.text import TextAnswer, best_token_f1, exact_match

_SMALL, _LARGE = 0.01, 0.1
"""Shares of the image below which a box is small and above which it is large."""


_GROUNDING = (
    *("size_small", "size_medium", "size_large"),
    *("boxes_1", "boxes_2_4", "boxes_5_up"),
    *("phrase_1_4", "phrase_5_9", "phrase_10_up"),
)
_SCORES = {"grounding": ("grounding.miou", "grounding.acc50"), "text": ("text.exact_match", "text.token_f1")}


def slice_names(*, sources: int) -> tuple[str, ...]:
    """Name every score that a slice can have.

    Args:
        sources: Number of data sets.

    """
    parts = [(name, ("grounding",)) for name in _GROUNDING]
    parts += [(f"source_{index}", ("grounding", "text")) for index in range(sources)]
    return tuple(
        f"slice.{name}.{score}"
        for name, tasks in parts
        for score in ("rows", *(score for task in tasks for score in _SCORES[task]))
    )


@dataclass(frozen=True)
class _Row:
    slices: tuple[str, ...]
    scores: Mapping[str, float]


def slice_scores(
    grounded: Sequence[tuple[Record, GroundedAnswer]], text: Sequence[tuple[Record, TextAnswer]]
) -> dict[str, float]:
    """Score the rows of each slice alone.

    Args:
        grounded: Records and answers of grounding rows.
        text: Records and answers of text rows.

    Returns:
        ``slice.<dimension>_<bucket>.<score>`` and the number of rows of either task,
        ``slice.<dimension>_<bucket>.rows``; a slice without rows is absent.

    """
    rows = [
        *(_Row(slices_of(record), _grounding_scores(answer)) for record, answer in grounded),
        *(_Row(slices_of(record), _text_scores(answer)) for record, answer in text),
    ]
    counts: dict[str, float] = defaultdict(float)
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name in row.slices:
            counts[f"slice.{name}.rows"] += 1
            for score, value in row.scores.items():
                values[f"slice.{name}.{score}"].append(value)
    return {**counts, **{name: fmean(found) for name, found in values.items()}}


def slices_of(record: Record) -> tuple[str, ...]:
    """Name a row's slices: its source; for grounding also size and number of its boxes, and words of the question."""
    source = f"source_{record.source}"
    if record.task == "text":
        return (source,)
    share = area(record.boxes_1000[0]) / UNITS**2
    words = len(record.turns[-1].question.replace(IMAGE_TAG, " ").split())
    return (source, f"size_{_size(share)}", f"boxes_{_boxes(len(record.boxes_1000))}", *_phrases(words))


def _size(share: float) -> str:
    if share < _SMALL:
        return "small"
    return "large" if share > _LARGE else "medium"


def _boxes(number: int) -> str:
    if number == 1:
        return "1"
    return "2_4" if number <= 4 else "5_up"


def _phrases(words: int) -> tuple[str, ...]:
    """Name the slice of a question by its words; one without words is in none."""
    if words == 0:
        return ()
    if words <= 4:
        return ("phrase_1_4",)
    return ("phrase_5_9",) if words <= 9 else ("phrase_10_up",)


def _grounding_scores(answer: GroundedAnswer) -> dict[str, float]:
    overlap = first_iou(answer)
    return {"grounding.miou": overlap, "grounding.acc50": float(reaches(overlap, ACCURATE))}


def _text_scores(answer: TextAnswer) -> dict[str, float]:
    return {"text.exact_match": exact_match(answer), "text.token_f1": best_token_f1(answer)}
