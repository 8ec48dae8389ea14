"""Small rows with and without boxes, made for exact checks of losses and rendering."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from spaces.trial import DataConfig
from trainable.boxes import Box
from trainable.data.collate import Example
from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.data.render import render
from trainable.data.split import Split, split_records
from trainable.markup import find_boxes, reference_text
from trainable.model.load import Base


@dataclass(frozen=True)
class PlainImage:
    """One colour; ``key`` says which."""

    key: str
    size: tuple[int, int] = (112, 112)

    @property
    def label(self) -> str:
        return self.key

    def digest(self) -> str:
        return hashlib.sha256(self.load().tobytes()).hexdigest()

    def load(self) -> Image.Image:
        return Image.new("RGB", self.size, self.key)


def made_record(question: str, answer: str, *, colour: str | None = "red", name: str = "row") -> Record:
    """Give a row of one turn, with an image of one colour or none."""
    boxes = tuple(span.box for span in find_boxes(answer))
    return Record(
        id=name,
        task="grounding" if boxes else "text",
        kind="made",
        images=(PlainImage(colour),) if colour else (),
        turns=(Turn((IMAGE_TAG if colour else "") + question, answer),),
        boxes_1000=boxes,
    )


def mixed_records() -> list[Record]:
    """Give eight rows of uneven length: boxes with one to four digits, two boxes, numbers in a caption, no image."""
    return [
        made_record("Where is the red circle?", reference_text("the red circle", Box(12, 345, 998, 1000)), name="a"),
        made_record("What is it?", "a red circle", name="b"),
        made_record("Find it.", reference_text("it", Box(0, 7, 500, 58)), colour="blue", name="c"),
        made_record("How many?", "There are 3 shapes of 12 colours and 450 corners.", colour="green", name="d"),
        made_record(
            "Find both.",
            reference_text("a", Box(1, 2, 30, 40)) + " and " + reference_text("b", Box(100, 200, 999, 1000)),
            name="e",
        ),
        made_record("Say hello.", "hello", colour=None, name="f"),
        made_record("Describe the picture.", "a blue square and a green circle, nothing else", colour="blue", name="g"),
        made_record("Where?", reference_text("x", Box(499, 500, 501, 502)), colour="yellow", name="h"),
    ]


def split_by_image(records: Sequence[Record], *, search_share: float, seed: int) -> Split:
    """Split rows in two."""
    shares = {"search_share": search_share, "confirm_share": 0, "test_share": 0, "split_seed": seed}
    return split_records(records, DataConfig.model_validate({"sources": [{"source": "shapes"}], **shares}))


def example_of(record: Record, base: Base) -> Example:
    """Prepare a row as a trial does."""
    pixels = tuple(base.pixels(image.load()) for image in record.images)
    return Example(render(record, base.processor), pixels)
