"""Boxes and phrases that stand in columns of their own, put into the texts in place of their placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from reprlib import repr as shortened
from typing import Any

from spaces.trial import DrawnOn
from trainable.boxes import UNITS, Box, Size, fault_of, rounded, scaled
from trainable.data.frames import Framing, Numbers, to_pixels
from trainable.data.images import Header
from trainable.data.records import PlacedBox, Turn
from trainable.data.sources.draft import Objects
from trainable.errors import DataError
from trainable.markup import BOX_KEY, REF_END, REF_START, box_list, box_text, markup_pieces, point_text

REF, BOX = "<ref-object>", "<bbox>"
_PLACEHOLDER = re.compile(f"({re.escape(REF)}|{re.escape(BOX)})")


@dataclass(frozen=True)
class RawBox:
    """A box or a point as it stands in the data.

    Attributes:
        numbers: Of a point, both twice.
        image: Index of its image.
        header: Of that image.
        drawn_on: Whether it is in the frame of the image as it is seen or as it is stored.
        is_point: Whether it had two numbers.
        where: What messages call it.

    """

    numbers: Numbers
    image: int
    header: Header
    drawn_on: DrawnOn
    is_point: bool
    where: str

    @property
    def size(self) -> Size:
        """Width and height in pixels of what it was drawn on."""
        return self.header.drawn(self.drawn_on)


@dataclass(frozen=True)
class FilledTurn:
    """A turn without placeholders.

    Attributes:
        turn: Its question's native tokens are marked.
        placed: The boxes of its answer that were placeholders, by the first character of each.

    """

    turn: Turn
    placed: Mapping[int, PlacedBox] = field(default_factory=dict)


def raw_boxes(objects: Objects, headers: Sequence[Header], drawn_on: DrawnOn) -> list[RawBox]:
    """Check the numbers of a row's boxes and find the image of each.

    Args:
        objects: Of the row.
        headers: Of its images.
        drawn_on: What boxes were drawn on.

    Raises:
        DataError: If a box is neither four nor two numbers, or belongs to no image.

    """
    found: list[RawBox] = []
    for place, value in enumerate(objects.boxes):
        where = f"{objects.where}[{place}]" if objects.where == "objects.bbox" else objects.where
        numbers = _numbers(value, where)
        index = _image_of(objects, place, len(headers), where)
        if len(numbers) == 4:
            box = numbers[0], numbers[1], numbers[2], numbers[3]
            found.append(RawBox(box, index, headers[index], drawn_on, False, where))
        else:
            x, y = numbers
            found.append(RawBox((x, y, x, y), index, headers[index], drawn_on, True, where))
    return found


def fill(turns: Sequence[Turn], objects: Objects, boxes: Sequence[RawBox], framing: Framing) -> list[FilledTurn]:
    """Put phrases and boxes in place of their placeholders, in the order of the texts.

    Args:
        turns: Questions and answers.
        objects: What the placeholders stand for.
        boxes: Its boxes, checked.
        framing: Of the boxes.

    Raises:
        DataError: If placeholders and what they stand for differ in number, a phrase is none, or a box is impossible.

    """
    texts = [text for turn in turns for text in (turn.question, turn.answer)]
    asked_refs, asked_boxes = (sum(text.count(mark) for text in texts) for mark in (REF, BOX))
    if asked_refs != len(objects.refs) and asked_refs:
        raise DataError(f"{asked_refs} {REF} placeholders but {len(objects.refs)} phrases in objects.ref")
    if asked_boxes != len(boxes):
        raise DataError(f"{asked_boxes} {BOX} placeholders but {len(boxes)} boxes in {objects.where}")
    refs, places = iter([_phrase(ref) for ref in objects.refs]), iter([_placed(box, framing) for box in boxes])
    filled: list[FilledTurn] = []
    for turn in turns:
        question, markup, _ = _filled(turn.question, refs, places)
        answer, _, placed = _filled(turn.answer, refs, places)
        filled.append(FilledTurn(replace(turn, question=question, answer=answer, markup=markup), placed))
    return filled


_Placed = tuple[RawBox, PlacedBox]


def _filled(
    text: str, refs: Iterator[str], boxes: Iterator[_Placed]
) -> tuple[str, tuple[tuple[int, int], ...], dict[int, PlacedBox]]:
    done = ""
    markup: list[tuple[int, int]] = []
    placed: dict[int, PlacedBox] = {}
    for piece in _PLACEHOLDER.split(text):
        before = done.rstrip()
        if piece == REF:
            phrase = next(refs)
            written = phrase if before.endswith('"') else f"{REF_START}{phrase}{REF_END}"
        elif piece == BOX:
            raw, one = next(boxes)
            is_list = before.endswith(f"{BOX_KEY}:")
            written = _written(raw, one.box_1000, is_list=is_list)
            if not raw.is_point:
                placed[len(done)] = one
        else:
            done += piece
            continue
        for start, token, is_token in markup_pieces(written):
            if is_token:
                markup.append((len(done) + start, len(done) + start + len(token)))
        done += written
    return done, tuple(markup), placed


def _written(raw: RawBox, box_1000: Box, *, is_list: bool) -> str:
    if raw.is_point:
        return f"[{round(box_1000.x1)}, {round(box_1000.y1)}]" if is_list else point_text(box_1000.x1, box_1000.y1)
    return box_list(box_1000) if is_list else box_text(box_1000)


def _placed(raw: RawBox, framing: Framing) -> _Placed:
    """Express a box in exact thousandths of its image."""
    width, height = raw.size
    if not framing.frame.startswith("unit") and 0 < max(raw.numbers) <= 1:
        raise DataError(
            f"{raw.where} {raw.numbers} is smaller than one unit; these look like shares of the image. Set frame"
        )
    box_px = to_pixels(raw.numbers, framing, raw.size)
    checked = Box(box_px.x1, box_px.y1, box_px.x1 + 1, box_px.y1 + 1) if raw.is_point else box_px
    if fault := fault_of(checked, width=width + raw.is_point, height=height + raw.is_point):
        raise DataError(f"{raw.where}, read as {framing}: {fault}{_hint(raw, framing)}")
    exact = scaled(raw.header.upright_box(box_px, raw.drawn_on), raw.header.upright, (UNITS, UNITS))
    if not raw.is_point and (fault := fault_of(rounded(exact), width=UNITS, height=UNITS)):
        raise DataError(f"{raw.where} is too small: in thousandths of the image {fault}")
    return raw, PlacedBox(exact, raw.image)


def _hint(raw: RawBox, framing: Framing) -> str:
    """Say that a box fits the image as it is stored, if it does and that is another."""
    stored = raw.header.stored
    if raw.drawn_on == "stored" or stored == raw.header.upright:
        return ""
    fits = fault_of(to_pixels(raw.numbers, framing, stored), width=stored[0], height=stored[1]) is None
    return "; it fits the image as it is stored, before EXIF turns it: set drawn_on: stored" if fits else ""


def _numbers(box: Any, where: str) -> list[float]:
    if not isinstance(box, list) or any(isinstance(value, list | dict) for value in box):
        raise DataError(f"{where} must be four numbers; got {shortened(box)}")
    if len(box) not in (2, 4):
        raise DataError(f"{where} has {len(box)} numbers; expected 4, or 2 of a point")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in box):
        raise DataError(f"{where} must be four numbers; got {shortened(box)}")
    try:
        return [float(value) for value in box]
    except OverflowError as error:
        raise DataError(f"{where} holds a number that is too large: {shortened(box)}") from error


def _image_of(objects: Objects, place: int, images: int, where: str) -> int:
    index = objects.image_ids[place] if place < len(objects.image_ids) else 0
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < images:
        raise DataError(f"{where} belongs to image {shortened(index)}; the row has {images}")
    return index


def _phrase(ref: Any) -> str:
    if not isinstance(ref, str) or not ref.strip():
        raise DataError(f"a phrase of objects.ref must be a text; got {shortened(ref)}")
    if any(is_token for _, _, is_token in markup_pieces(ref)) or "<|" in ref or BOX_KEY in ref:
        raise DataError(f"the phrase {shortened(ref)} holds a token of the model's own markup")
    return ref
