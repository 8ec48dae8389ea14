"""One page that shows rows as a model is trained on them: image, boxes, and the text token by token."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from search.check import CheckedData, words_of
from spaces.trial import ModelConfig
from trainable.boxes import Box
from trainable.data.records import ImageSource, Record, interleaved
from trainable.data.render import BOX, PROMPT, Row, render
from trainable.markup import find_boxes
from trainable.model.load import Processor, load_processor

if TYPE_CHECKING:
    from search.check_refused import RefusedGroup

_SAMPLES = 20
_LONGEST_PX = 480
_MOST_IMAGES = 4
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Piece:
    """Neighbouring tokens of one role.

    Attributes:
        text: What they say.
        style: ``prompt``, ``text``, ``box`` or ``digit``.

    """

    text: str
    style: str


@dataclass(frozen=True)
class Picture:
    """An image of a row.

    Attributes:
        data: A JPEG as a data URI, at most 480 pixels long.
        width: Of the original, in pixels.
        height: The same.
        boxes: Of the answers, in thousandths.

    """

    data: str
    width: int
    height: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Sample:
    """A row as it is trained on."""

    id: str
    split: str
    task: str
    tokens: int
    pictures: tuple[Picture, ...]
    pieces: tuple[Piece, ...]


def check_page(data: CheckedData, *, name: str, groups: Sequence[RefusedGroup], tokens: str) -> str:
    """Make the page.

    Args:
        data: What was found.
        name: Of the sweep file.
        groups: Refused rows by reason.
        tokens: What was said of the rows' lengths.

    Returns:
        One HTML document that needs no network.

    """
    processor = data.processor or load_processor(ModelConfig())
    samples = [_sample(record, split, processor) for split, record in _chosen(data)]
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("check.html.jinja").render(
        name=name,
        counts=data.counts,
        lines=[f"kinds: {words_of(data.kinds)}", *data.prepared.read.notes, tokens],
        groups=groups,
        samples=samples,
        family=processor.family,
        is_borrowed=data.processor is None,
    )


def _chosen(data: CheckedData) -> list[tuple[str, Record]]:
    """Give twenty rows, from all sources and splits in turn, grounding and text mixed."""
    queues: dict[tuple[int, str], list[Record]] = {}
    for split, rows in vars(data.prepared.split).items():
        for record in interleaved(rows):
            queues.setdefault((record.source, split), []).append(record)
    mixed = [
        (split, record)
        for place in range(_SAMPLES)
        for (_, split), rows in queues.items()
        for record in rows[place : place + 1]
    ]
    return sorted(mixed[:_SAMPLES], key=lambda one: one[1].source)


def _sample(record: Record, split: str, processor: Processor) -> Sample:
    row = render(record, processor)
    pictures = tuple(_picture(image, index, record) for index, image in enumerate(record.images[:_MOST_IMAGES]))
    return Sample(record.id, split, record.task, len(row.ids), pictures, _pieces(row, processor))


def _picture(image: ImageSource, index: int, record: Record) -> Picture:
    opened = image.load()
    opened.thumbnail((_LONGEST_PX, _LONGEST_PX))
    out = io.BytesIO()
    opened.save(out, "JPEG", quality=80)
    width, height = image.size
    data = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
    return Picture(data, width, height, _boxes(record, index))


def _boxes(record: Record, index: int) -> tuple[Box, ...]:
    found: list[Box] = []
    for turn in record.turns:
        if turn.boxes:
            found += [one.box_1000 for one in turn.boxes if one.image == index]
        elif index == 0:
            found += [span.box for span in find_boxes(turn.answer)]
    return tuple(found)


def _pieces(row: Row, processor: Processor) -> tuple[Piece, ...]:
    """Join neighbouring tokens of one style; the many tokens of an image become one with its number."""
    digits = {digit.position for digit in row.digits}
    pad = processor.ids.image_pad
    styled = [
        ("image" if token == pad else "digit" if place in digits else _STYLES[role], token)
        for place, (token, role) in enumerate(zip(row.ids, row.roles, strict=True))
    ]
    pieces: list[Piece] = []
    for style, group in groupby(styled, key=lambda one: one[0]):
        tokens = [token for _, token in group]
        if style == "image":
            pieces.append(Piece(f"<|image_pad|> × {len(tokens)} ", "prompt"))
        else:
            pieces.append(Piece(_decoded(tokens, processor), style))
    return tuple(pieces)


_STYLES = {PROMPT: "prompt", BOX: "box", 1: "text"}


def _decoded(tokens: Sequence[int], processor: Processor) -> str:
    tokenizer: Any = processor.tokenizer
    return tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
