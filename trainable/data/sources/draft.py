"""A row of any conversation format, before its images are opened and its boxes are put into the model's frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any

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
        boxes: Numbers of the ``<bbox>`` placeholders, in order.
        frame: Name of their frame, or ``None`` if the row does not say.
        image_ids: Index of the image of each box; all 0 if absent.

    """

    refs: tuple[Any, ...]
    boxes: tuple[Any, ...]
    frame: Any = None
    image_ids: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Draft:
    """A conversation.

    Attributes:
        system: The system turn, if any.
        turns: Questions and answers; ``<image>`` in a question stands for an image.
        images: What the row gives for its images, in order: paths, data URIs, or objects with bytes.
        objects: Boxes by placeholder, if any.

    """

    system: str | None
    turns: tuple[tuple[str, str], ...]
    images: tuple[Any, ...] = ()
    objects: Objects | None = None


def paired(said: Sequence[tuple[str, str]]) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Turn roles and texts into the system turn and pairs of question and answer.

    Args:
        said: Roles as the format spells them, and texts.

    Raises:
        DataError: If a role is unknown, turns do not alternate, or the last is no answer.

    """
    if not said:
        raise DataError("the row has no turn")
    roles = [_role(role) for role, _ in said]
    texts = [text for _, text in said]
    system = None
    if roles[0] == SYSTEM:
        system, roles, texts = texts[0], roles[1:], texts[1:]
    if not roles or roles != [USER, ASSISTANT] * (len(roles) // 2):
        found = ", ".join(roles[:6]) + (", …" if len(roles) > 6 else "")
        raise DataError(f"questions and answers must alternate and end with an answer; got {found or 'none'}")
    return system or None, tuple(zip(texts[::2], texts[1::2], strict=True))


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
        DataError: If the value is neither text, object nor list.

    """
    if value is None:
        return ()
    if isinstance(value, str | dict):
        return (value,)
    if not isinstance(value, list):
        raise DataError(f"{what} must be a list; got {shortened(value)}")
    return tuple(value)


def images_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what the columns ``images`` or ``image`` hold.

    Raises:
        DataError: If both hold something, or one is no list.

    """
    found = [listed(row[name], name) for name in ("images", "image") if row.get(name) is not None]
    if len(found) > 1 and found[0] and found[1]:
        raise DataError("the row has both images and image; keep one")
    return next((images for images in found if images), ())


def history_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the earlier questions and answers of the column ``history``.

    Raises:
        DataError: If it holds anything but pairs of texts.

    """
    pairs: list[tuple[str, str]] = []
    for pair in listed(row.get("history"), "history"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise DataError(f"history must be pairs of question and answer; got {shortened(pair)}")
        pairs.append((text_of(pair[0], "a question of history"), text_of(pair[1], "an answer of history")))
    return pairs


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
