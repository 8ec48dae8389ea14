"""What every reader produces: one conversation about zero or more images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from PIL.Image import Image

from trainable.boxes import Box, Size

Task = Literal["grounding", "text"]
TASKS: tuple[Task, ...] = get_args(Task)

IMAGE_TAG = "<image>"
"""Stands in a question for one image, in the order of ``Record.images``."""


class ImageSource(Protocol):
    """An image that is opened only when it is needed."""

    @property
    def key(self) -> str:
        """Names the image: two sources with one key show the same picture."""
        ...

    @property
    def label(self) -> str:
        """Names the image within its data set, the same on every machine."""
        ...

    @property
    def size(self) -> Size:
        """Width and height in pixels, upright."""
        ...

    def digest(self) -> str:
        """Give the SHA-256 of what it shows, in hexadecimal: two images with one digest show the same picture.

        Raises:
            OSError: If it can't be read.

        """
        ...

    def load(self) -> Image:
        """Open the image as RGB, upright.

        Raises:
            DataError: If the image can't be read.

        """
        ...


@dataclass(frozen=True)
class PlacedBox:
    """A box of an answer.

    Attributes:
        box_1000: In thousandths of its image, as exactly as the data set says: not rounded.
        image: Index of its image in the record.

    """

    box_1000: Box
    image: int = 0


@dataclass(frozen=True)
class Turn:
    """One question and its answer.

    Attributes:
        question: With an ``<image>`` tag for each image.
        answer: Boxes in it are in whole thousandths.
        boxes: The boxes of the answer, in order; those that the text says if empty.
        is_supervised: Whether the answer is trained on; one that is not is part of the prompt of the next.
        is_asked: Whether a question stands before the answer; else it follows the answer before at once.
        markup: Spans of the question that are the model's own tokens, put there for a data set's placeholders; the
            same characters elsewhere are a user's text.

    """

    question: str
    answer: str
    boxes: tuple[PlacedBox, ...] = ()
    is_supervised: bool = True
    is_asked: bool = True
    markup: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Record:
    """One training or evaluation row.

    Attributes:
        id: Names the row, e.g. ``"train.json#12"``.
        task: ``grounding`` if the last answer holds a box, else ``text``.
        kind: What is asked, for slices: ``locate``, ``colour``, ``count``, …
        images: As many as there are ``<image>`` tags in the questions.
        turns: At least one; evaluation generates the answer of the last, which is supervised.
        boxes_1000: Boxes of the last answer, in whole thousandths of the image.
        system: The system turn, or ``None`` for the template's own.
        source: Index of the data set that it came from.
        distractors: Number of other objects of the first box's class in the image, where the source knows it.
        references: Accepted answers to the last question, the trained one first; empty if it alone is right.

    """

    id: str
    task: Task
    kind: str
    images: tuple[ImageSource, ...]
    turns: tuple[Turn, ...]
    boxes_1000: tuple[Box, ...] = ()
    system: str | None = None
    source: int = 0
    distractors: int | None = None
    references: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """Its file and its row there, in the file's own terms."""
        file, _, row = self.id.partition("#")
        return file, row

    @property
    def words(self) -> str:
        """What messages call it, e.g. ``train.json row 12``."""
        file, row = self.place
        return f"{file} row {row}" if row else file


def interleaved(records: tuple[Record, ...]) -> list[Record]:
    """Order records so that any beginning holds grounding and text rows in the share of the whole, from all sources."""
    mixed = sorted(records, key=lambda record: hashlib.sha256(record.id.encode()).digest())
    queues = [[record for record in mixed if record.task == task] for task in ("grounding", "text")]
    ranked = [((index + 0.5) / len(queue), record) for queue in queues for index, record in enumerate(queue)]
    return [record for _, record in sorted(ranked, key=lambda pair: (pair[0], pair[1].id))]
