"""Rows of single scored examples and of confirmation runs: the tables that are read on demand, and their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

import pyarrow as pa

from results.errors import ResultsError

ScoredSplit = Literal["search", "confirm", "test"]
Task = Literal["grounding", "text"]
RunState = Literal["COMPLETE", "FAIL"]

_FLAT_BOXES = pa.list_(pa.float64())
_TIME = pa.timestamp("us", tz="UTC")

ITEM_FIELDS: Mapping[str, pa.DataType] = {
    "split": pa.string(),
    "item": pa.string(),
    "task": pa.string(),
    "kind": pa.string(),
    "source": pa.int32(),
    "image": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "question": pa.string(),
    "answer": pa.string(),
    "references": pa.list_(pa.string()),
    "boxes_1000": _FLAT_BOXES,
    "slices": pa.list_(pa.string()),
    "thumbnail": pa.binary(),
}
PREDICTION_FIELDS: Mapping[str, pa.DataType] = {
    "trial": pa.int32(),
    "run": pa.int32(),
    "attempt": pa.int32(),
    "step": pa.int32(),
    "split": pa.string(),
    "item": pa.string(),
    "prediction": pa.string(),
    "boxes_1000": _FLAT_BOXES,
}
CONFIRMATION_FIELDS: Mapping[str, pa.DataType] = {
    "run": pa.int32(),
    "trial": pa.int32(),
    "seed": pa.int64(),
    "split": pa.string(),
    "state": pa.string(),
    "reason": pa.string(),
    "steps": pa.int32(),
    "seconds": pa.float64(),
    "started": _TIME,
    "ended": _TIME,
}


@dataclass(frozen=True)
class ItemRow:
    """An example that models are scored on.

    Attributes:
        split: The split that it belongs to.
        item: Its id, unique within a sweep.
        task: ``grounding`` or ``text``.
        kind: What is asked.
        source: Index of its data set in the sweep file.
        image: Label of its first image, which examples share that are about one image; empty without an image.
        width: Of that image in pixels, upright; ``None`` without an image.
        height: Of that image in pixels, upright; ``None`` without an image.
        question: The last one, with an ``<image>`` tag for each image.
        answer: The true one; boxes in it are in whole thousandths of the image.
        references: All accepted answers; empty if ``answer`` alone is right.
        boxes_1000: True boxes in thousandths of the image, flat: ``x1, y1, x2, y2`` of the first, then of the next.
        slices: Names of the parts of the examples that it belongs to, as in ``slice.<slice>.<score>``.
        thumbnail: The image as a JPEG of at most 320 pixels a side, for a few examples.

    Raises:
        ResultsError: If the split or the task is unknown, or the coordinates are no whole boxes.

    """

    split: ScoredSplit
    item: str
    task: Task
    kind: str
    source: int
    image: str
    width: int | None
    height: int | None
    question: str
    answer: str
    references: tuple[str, ...] = ()
    boxes_1000: tuple[float, ...] = ()
    slices: tuple[str, ...] = ()
    thumbnail: bytes | None = None

    def __post_init__(self) -> None:
        check_choice("split", self.split, get_args(ScoredSplit))
        check_choice("task", self.task, get_args(Task))
        _check_boxes(self.item, self.boxes_1000)


@dataclass(frozen=True)
class PredictionRow:
    """What a trained model answered to one example, and what that adds to each score.

    A score of all examples is the sum of ``scores`` over the sum of ``weights``.

    Attributes:
        trial: Number of the trial in the study.
        run: Number of the confirmation run that trained the model; ``None`` for the search itself.
        attempt: Of the trial, from 0.
        step: Optimizer steps that the model was trained for.
        split: The split of the example.
        item: Its id.
        prediction: The answer as it was generated.
        boxes_1000: Boxes in it, in thousandths of the image, flat as in ``ItemRow``.
        scores: The numerator of each score that the example counts for.
        weights: The denominator of each of these.

    Raises:
        ResultsError: If the split is unknown, the coordinates are no whole boxes, or a score has no weight.

    """

    trial: int
    run: int | None
    attempt: int
    step: int
    split: ScoredSplit
    item: str
    prediction: str
    boxes_1000: tuple[float, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("split", self.split, get_args(ScoredSplit))
        _check_boxes(self.item, self.boxes_1000)
        if odd := self.scores.keys() ^ self.weights.keys():
            raise ResultsError(
                f"every score of an example has a weight; {self.item} has one of the two for {', '.join(sorted(odd))}"
            )


@dataclass(frozen=True)
class ConfirmationRow:
    """The scores of one confirmation run on one split.

    Attributes:
        run: Its number, from 0; the runs of a sweep share one count.
        trial: The searched trial whose settings it was trained with.
        seed: Of its adapter, data order and dropout.
        split: That it was scored on: ``confirm`` or ``test``.
        state: ``COMPLETE`` or ``FAIL``.
        reason: Why it failed, as in ``TrialRow``; else in words how it ended.
        steps: Optimizer steps done.
        seconds: Time that it took, training and scoring.
        started: When it was handed out; a time with its zone.
        ended: When its scores were recorded; a time with its zone.
        metrics: Scores by name. Empty unless the state is ``COMPLETE``.

    Raises:
        ResultsError: If the split or state is unknown, or a failed run has scores.

    """

    run: int
    trial: int
    seed: int
    split: Literal["confirm", "test"]
    state: RunState
    reason: str
    steps: int
    seconds: float
    started: datetime
    ended: datetime
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("split", self.split, ("confirm", "test"))
        check_choice("state", self.state, get_args(RunState))
        if self.state != "COMPLETE" and self.metrics:
            raise ResultsError(f"only a complete run has scores; run {self.run} is {self.state} with some")


def check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Accept one of some words.

    Raises:
        ResultsError: If it is none of them.

    """
    if value not in allowed:
        raise ResultsError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")


def _check_boxes(item: str, flat: tuple[float, ...]) -> None:
    if len(flat) % 4:
        raise ResultsError(f"boxes are four numbers each; {item} has {len(flat)} numbers")
