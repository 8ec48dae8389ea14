"""What every reader produces: one conversation about zero or more images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from PIL.Image import Image

from trainable.boxes import Box

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

    def load(self) -> Image:
        """Open the image as RGB, upright.

        Raises:
            DataError: If the image can't be read.

        """
        ...


@dataclass(frozen=True)
class Turn:
    """One question and its answer; every answer is supervised."""

    question: str
    answer: str


@dataclass(frozen=True)
class Record:
    """One training or evaluation row.

    Attributes:
        id: Names the row in messages, e.g. ``"train.json#12"``.
        task: ``grounding`` if the last answer holds a box, else ``text``.
        kind: What is asked, for slices: ``locate``, ``colour``, ``count``, …
        images: As many as there are ``<image>`` tags in the questions.
        turns: At least one; evaluation generates the answer of the last.
        boxes_1000: Boxes of the last answer, in 0–1000 of the image.
        system: The system turn, or ``None`` for the template's own.
        source: Index of the data set that it came from.
        distractors: Number of other objects of the first box's class in the image, where the source knows it.

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
