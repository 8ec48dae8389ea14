"""From a row's parts to a record: what every reader of conversations checks."""

from __future__ import annotations

from collections.abc import Sequence

from trainable.boxes import UNITS, Box, fault_of_thousandths
from trainable.data.records import IMAGE_TAG, ImageSource, Record, Turn
from trainable.errors import DataError
from trainable.markup import BOX_END, BOX_KEY, BOX_START, POINT, find_boxes


def built_record(
    name: str,
    *,
    system: str | None,
    turns: Sequence[Turn],
    images: Sequence[ImageSource],
    references: Sequence[str] = (),
    box_hint: str = "",
) -> Record:
    """Make a record of a conversation; the last answer decides the task.

    Args:
        name: Names it in messages.
        system: The system turn, if any.
        turns: Questions and answers, boxes in thousandths.
        images: In order of the tags.
        references: Accepted answers to the last question.
        box_hint: What to add where a box exceeds thousandths.

    Raises:
        DataError: If tags and images differ in number, an answer is empty, a box is not whole or not in thousandths, or
            there is a box and no image.

    """
    tags = sum(turn.question.count(IMAGE_TAG) for turn in turns)
    if tags != len(images):
        raise DataError(f"{tags} {IMAGE_TAG} tags but {len(images)} images")
    if any(not turn.answer.strip() for turn in turns):
        raise DataError("an answer is empty; there is nothing to learn")
    if any(IMAGE_TAG in turn.answer for turn in turns):
        raise DataError(f"an answer holds {IMAGE_TAG}; a model answers in text")
    boxes = _boxes(turns, box_hint)
    if not images and any(find_boxes(turn.answer) for turn in turns):
        raise DataError("an answer holds a box, and the row has no image")
    kind = "locate" if boxes else "point" if POINT.search(turns[-1].answer) else "answer"
    return Record(
        id=name,
        task="grounding" if boxes else "text",
        kind=kind,
        images=tuple(images),
        turns=tuple(turns),
        boxes_1000=boxes,
        system=system,
        references=tuple(references),
    )


def _boxes(turns: Sequence[Turn], hint: str) -> tuple[Box, ...]:
    """Check the boxes of all answers and give those of the last."""
    found = [[span.box for span in find_boxes(turn.answer)] for turn in turns]
    boxes = [box for answer in found for box in answer]
    begun = sum(turn.answer.count(mark) for turn in turns for mark in (BOX_START, BOX_KEY))
    points = sum(len(POINT.findall(turn.answer)) for turn in turns)
    if begun != len(boxes) + points:  # as text it would neither be scored nor weigh as a box
        raise DataError(
            f"{begun} boxes begin and {len(boxes)} are written as {BOX_START}(x1,y1),(x2,y2){BOX_END} "
            f"or {BOX_KEY}: [x1, y1, x2, y2], in whole numbers"
        )
    for box in boxes:
        if fault := fault_of_thousandths(box):
            raise DataError(f"a box is in thousandths of the image: {fault}{hint if max(box) > UNITS else ''}")
    return tuple(found[-1])
