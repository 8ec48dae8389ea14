"""A row of any conversation format, before its images are opened and its boxes are put into the model's frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from reprlib import repr as shortened
from typing import Any

from spaces.trial import Frame
from trainable.data.records import Turn
from trainable.errors import DataError

USER, ASSISTANT, SYSTEM = "user", "assistant", "system"

ROLES: Mapping[str, str] = {
    "user": USER,
    "human": USER,
    "assistant": ASSISTANT,
    "gpt": ASSISTANT,
    "bot": ASSISTANT,
    "model": ASSISTANT,
    "system": SYSTEM,
}

UNSUPPORTED: Mapping[str, str] = {
    "videos": "videos",
    "video": "videos",
    "audios": "audio",
    "audio": "audio",
    "tools": "tool calls",
    "tool_calls": "tool calls",
    "chosen": "preference pairs",
    "rejected": "preference pairs",
    "rejected_response": "preference pairs",
    "rejected_messages": "preference pairs",
    "rejected_images": "preference pairs",
    "label": "preference or class labels",
    "kto_tag": "preference labels",
}
"""Columns of what paretune does not train on, and what to call it."""


@dataclass(frozen=True)
class Objects:
    """Boxes that placeholders in the texts stand for, as ms-swift writes them.

    Attributes:
        refs: Phrases of the ``<ref-object>`` placeholders, in order.
        boxes: Numbers of the ``<bbox>`` placeholders, in order: four of a box, two of a point.
        frame: What the row calls their frame, or ``None`` if it does not say.
        usual: The frame that the format's own documents name, or ``None`` if there is no such: then it is detected.
        image_ids: Index of the image of each box; all 0 if absent.
        where: What messages call the boxes.

    """

    refs: tuple[Any, ...]
    boxes: tuple[Any, ...]
    frame: Any = None
    usual: Frame | None = "pixels_xyxy"
    image_ids: tuple[Any, ...] = ()
    where: str = "objects.bbox"


@dataclass(frozen=True)
class Draft:
    """A conversation.

    Attributes:
        system: The system turn, if any.
        turns: Questions and answers; ``<image>`` in a question stands for an image.
        images: What the row gives for its images, in order: paths, data URIs, or objects with bytes.
        objects: Boxes by placeholder, if any.
        references: Accepted answers to the last question, the trained one first; empty if it alone is right.

    """

    system: str | None
    turns: tuple[Turn, ...]
    images: tuple[Any, ...] = ()
    objects: Objects | None = None
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """One message.

    Attributes:
        role: As the format spells it.
        text: What was said.
        is_supervised: Whether it is trained on, if it is an answer.

    """

    role: str
    text: str
    is_supervised: bool = field(default=True, kw_only=True)


def paired(said: Sequence[Said]) -> tuple[str | None, tuple[Turn, ...]]:
    """Turn messages into the system turn and pairs of question and answer.

    An answer that follows another, as in UI-TARS's histories, has no question of its own.

    Raises:
        DataError: If a role is unknown, the first is no question or the last no answer that is trained on, or a
            question follows another.

    """
    if not said:
        raise DataError("the row has no turn")
    roles = [_role(one.role) for one in said]
    system = None
    if roles[0] == SYSTEM:
        system, roles, said = said[0].text, roles[1:], said[1:]
    follows = list(pairwise(roles))
    if not roles or roles[0] != USER or roles[-1] != ASSISTANT or SYSTEM in roles or (USER, USER) in follows:
        found = ", ".join(roles[:6]) + (", …" if len(roles) > 6 else "")
        raise DataError(f"questions and answers must alternate and end with an answer; got {found or 'none'}")
    if not said[-1].is_supervised:
        raise DataError("the last answer is not trained on; there is nothing to score")
    turns = [
        Turn(
            said[place - 1].text if roles[place - 1] == USER else "",
            one.text,
            is_supervised=one.is_supervised,
            is_asked=roles[place - 1] == USER,
        )
        for place, one in enumerate(said)
        if roles[place] == ASSISTANT
    ]
    return system or None, tuple(turns)


def _role(role: str) -> str:
    if role not in ROLES:
        what = "tool calls" if role in ("tool", "function", "function_call", "observation", "tool_call") else None
        if what:
            raise DataError(f"the row holds {what} (role {role!r}); paretune trains on images and text")
        raise DataError(f"unknown role {shortened(role)}; known are {', '.join(ROLES)}")
    return ROLES[role]


def refuse_unsupported(row: Mapping[str, Any]) -> None:
    """Refuse by name what paretune does not train on.

    Raises:
        DataError: If a column of that kind holds anything.

    """
    for column, what in UNSUPPORTED.items():
        if row.get(column) not in (None, [], "", {}):
            raise DataError(f"the row holds {what} ({column!r}); paretune trains on images and text")


def listed(value: Any, what: str) -> tuple[Any, ...]:
    """Give a list's parts, a single value as a list of one, and nothing for ``None``.

    Raises:
        DataError: If the value is neither text, bytes, object nor list.

    """
    if value is None:
        return ()
    if isinstance(value, str | bytes | dict):
        return (value,)
    if not isinstance(value, list):
        raise DataError(f"{what} must be a list; got {shortened(value)}")
    return tuple(value)


IMAGE_COLUMNS = ("images", "image", "image_path", "file_name", "img_filename")


def images_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what the columns of images hold, the first that holds any.

    Raises:
        DataError: If both ``images`` and ``image`` hold something, or one is no list.

    """
    found = [listed(row[name], name) for name in IMAGE_COLUMNS if row.get(name) is not None]
    if row.get("images") and row.get("image"):
        raise DataError("the row has both images and image; keep one")
    return next((images for images in found if images), ())


def history_of(row: Mapping[str, Any]) -> list[Turn]:
    """Give the earlier questions and answers of the column ``history``.

    Raises:
        DataError: If it holds anything but pairs of texts.

    """
    turns: list[Turn] = []
    for pair in listed(row.get("history"), "history"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise DataError(f"history must be pairs of question and answer; got {shortened(pair)}")
        turns.append(Turn(text_of(pair[0], "a question of history"), text_of(pair[1], "an answer of history")))
    return turns


def system_of(row: Mapping[str, Any]) -> str | None:
    """Give the column ``system``; an empty one is none.

    Raises:
        DataError: If it is no text.

    """
    return text_of(row["system"], "system") if row.get("system") else None


def text_of(value: Any, what: str) -> str:
    """Give a text.

    Raises:
        DataError: If the value is none.

    """
    if not isinstance(value, str):
        raise DataError(f"{what} must be a text; got {shortened(value)}")
    return value
