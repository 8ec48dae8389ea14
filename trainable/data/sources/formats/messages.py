"""Messages with role and content: OpenAI, TRL, ms-swift and UI-TARS; content is a text or a list of parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from reprlib import repr as shortened
from typing import Any

from trainable.data.records import IMAGE_TAG
from trainable.data.sources.draft import Draft, Objects, Said, images_of, listed, paired, text_of
from trainable.errors import DataError

_VISION = re.compile(r"<\|vision_start\|>(?:<\|image_pad\|>|\.\.\.)*<\|vision_end\|>")
"""An image that is rendered already, its placeholder repeated or not, as UI-TARS writes it."""

_IN_WORDS = {"video": "videos", "video_url": "videos", "audio": "audio", "input_audio": "audio"}


def matches(row: Mapping[str, Any]) -> str | None:
    """Say what shows that a row is of this format, or give ``None``."""
    if isinstance(row.get("messages"), list):
        return "the column messages"
    if isinstance(row.get("prompt"), list) and isinstance(row.get("completion"), list):
        return "prompt and completion as messages"
    return None


def drafts_of(row: Mapping[str, Any]) -> list[Draft]:
    """Read one row.

    Raises:
        DataError: If it can't be used.

    """
    messages = row.get("messages")
    if not isinstance(messages, list):
        messages = [*row["prompt"], *row["completion"]]
    inline: list[Any] = []
    said = [_said(message, inline) for message in messages]
    images = images_of(row)
    bare = sum(one is None for one in inline)
    if bare and bare != len(inline):
        raise DataError("some image parts name their image and others do not")
    if images and not bare and inline:
        raise DataError("the row names images both in its parts and in a column of their own")
    system, turns = paired(said)
    return [Draft(system, turns, images if bare or not inline else tuple(inline), _objects(row))]


def _said(message: Any, inline: list[Any]) -> Said:
    if not isinstance(message, dict):
        raise DataError(f"a message is an object; got {shortened(message)}")
    if message.get("tool_calls"):
        raise DataError("the row holds tool calls; paretune trains on images and text")
    role = text_of(message.get("role"), "a message's role")
    content = message.get("content")
    if isinstance(content, list):
        text = "".join(_part(part, inline) for part in content)
    else:
        text = _VISION.sub(IMAGE_TAG, text_of(content, "a message's content"))
    return Said(role, text, is_supervised=_is_supervised(message))


def _is_supervised(message: Mapping[str, Any]) -> bool:
    """Say whether a message is trained on: ``loss`` (ms-swift) and ``loss_mask`` (UI-TARS) take it out."""
    if message.get("loss_scale") not in (None, 1, 1.0):
        raise DataError("the row sets loss_scale for a message; an answer is trained on, or it is not (loss: false)")
    for name in ("loss", "loss_mask"):
        if (value := message.get(name)) not in (None, True, False, 0, 1):
            raise DataError(f"{name} of a message is {shortened(value)}; expected true or false")
    return message.get("loss") not in (False, 0) and message.get("loss_mask") not in (False, 0)


def _part(part: Any, inline: list[Any]) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise DataError(f"a part of a message is an object; got {shortened(part)}")
    match kind := part.get("type"):
        case "text":
            return text_of(part.get("text"), "a part's text")
        case "image" | "image_url":
            inline.append(_image(part))
            return IMAGE_TAG
        case _:
            what = _IN_WORDS.get(str(kind))
            if what:
                raise DataError(f"the row holds {what}; paretune trains on images and text")
            raise DataError(f"unknown part {shortened(kind)}; expected text, image or image_url")


def _image(part: Mapping[str, Any]) -> Any:
    """Give the image of a part, or ``None`` for one that stands in the row's own column."""
    source = part.get("source")
    if isinstance(source, dict) and source.get("type") == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    found = part.get("image", part.get("image_url", part.get("path", part.get("url"))))
    return found.get("url") if isinstance(found, dict) and "url" in found else found


def _objects(row: Mapping[str, Any]) -> Objects | None:
    objects = row.get("objects")
    if objects is None:
        return None
    if not isinstance(objects, dict):
        raise DataError(f"objects must hold ref and bbox; got {shortened(objects)}")
    return Objects(
        refs=listed(objects.get("ref"), "objects.ref"),
        boxes=listed(objects.get("bbox"), "objects.bbox"),
        frame=objects.get("bbox_type"),
        image_ids=listed(objects.get("image_id"), "objects.image_id"),
    )
