"""What a base answers about scenes that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spaces.trial import ModelConfig
from trainable.boxes import Box, iou, mean_box
from trainable.data.collate import Example
from trainable.data.records import Record
from trainable.data.render import render
from trainable.data.scenes import Domain
from trainable.data.sources.shapes import read_shapes
from trainable.evaluation.generate import generate_answers
from trainable.model.family import FAMILIES
from trainable.model.load import load_base

_FAMILY = FAMILIES["qwen2_vl"]

BATCH = 64
LONGEST_ANSWER = 48


@dataclass(frozen=True)
class TinyScores:
    """Greedy answers to the questions of some scenes.

    Attributes:
        boxes: Number of ``locate`` questions.
        texts: Number of other questions.
        iou: Mean intersection over union; an answer without a box counts 0.
        acc50: Share of boxes with an IoU of at least 0.5.
        parse_rate: Share of ``locate`` answers with a possible box.
        text_exact: Share of other answers that are right to the letter.
        colour_exact: The same among questions for a colour.
        count_exact: The same among questions for a number.
        describe_exact: The same among descriptions.
        constant_iou: Mean IoU of the mean box of other scenes: what is reached without looking.
        constant_acc50: The same as ``acc50``.

    """

    boxes: int
    texts: int
    iou: float
    acc50: float
    parse_rate: float
    text_exact: float
    colour_exact: float
    count_exact: float
    describe_exact: float
    constant_iou: float
    constant_acc50: float


def score_base(folder: Path, *, domain: Domain, scenes: int, seed: int) -> TinyScores:
    """Load a base and score its greedy answers to every question of a series of scenes."""
    records = read_shapes(domain=domain, scenes=scenes, seed=seed)
    others = read_shapes(domain=domain, scenes=scenes, seed=seed + 1)
    constant = mean_box([box for record in others for box in record.boxes_1000])
    answers = answer_records(folder, records)
    return score_answers(records, answers, constant=constant)


def answer_records(folder: Path, records: Sequence[Record]) -> list[str]:
    """Give the base's greedy answer to every record."""
    base = load_base(ModelConfig(path=str(folder)))
    examples: list[Example] = []
    for record in records:
        pixels = tuple(base.pixels(image.load()) for image in record.images)
        examples.append(Example(render(record, base.processor), pixels))
    return generate_answers(base.model, base, examples, batch=BATCH, max_new_tokens=LONGEST_ANSWER)


def score_answers(records: Sequence[Record], answers: Sequence[str], *, constant: Box | None) -> TinyScores:
    """Compare answers with the truth, and a constant box with the true boxes."""
    overlaps: list[float] = []
    constants: list[float] = []
    parsed = 0
    exact: dict[str, list[bool]] = {"colour": [], "count": [], "describe": []}
    for record, answer in zip(records, answers, strict=True):
        if record.kind == "locate":
            boxes, truth = _FAMILY.boxes_in(answer, record.images[0].size), record.boxes_1000[0]
            found = boxes[0] if boxes else None
            parsed += found is not None
            overlaps.append(iou(found, truth) if found else 0.0)
            constants.append(iou(constant, truth) if constant else 0.0)
        else:
            exact[record.kind].append(answer == record.turns[-1].answer)
    return TinyScores(
        boxes=len(overlaps),
        texts=sum(map(len, exact.values())),
        iou=_mean(overlaps),
        acc50=_mean([overlap >= 0.5 for overlap in overlaps]),
        parse_rate=parsed / max(1, len(overlaps)),
        text_exact=_mean([right for kind in exact.values() for right in kind]),
        colour_exact=_mean(exact["colour"]),
        count_exact=_mean(exact["count"]),
        describe_exact=_mean(exact["describe"]),
        constant_iou=_mean(constants),
        constant_acc50=_mean([overlap >= 0.5 for overlap in constants]),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
