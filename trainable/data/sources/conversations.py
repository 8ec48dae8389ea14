"""From conversations as they were read to records: boxes of all kinds go into thousandths of their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as shortened

from spaces.trial import DrawnOn, LlamaFactorySource, RowsSource
from trainable.boxes import UNITS, Box, Size, fault_of, rounded, scaled
from trainable.data.frames import (
    NAMES,
    Framing,
    Numbers,
    judge_frame,
    plausible_frames,
    to_pixels,
)
from trainable.data.images import Header
from trainable.data.records import PlacedBox, Record, Turn
from trainable.data.sources.build import built_record
from trainable.data.sources.draft import Draft, Objects
from trainable.data.sources.pictures import Picture
from trainable.data.sources.placeholders import FilledTurn, RawBox, fill, raw_boxes
from trainable.data.sources.result import RefusedRow
from trainable.errors import DataError
from trainable.markup import BoxSpan, find_boxes, with_numbers

_WHOLE = Framing("thousandths_xyxy")


@dataclass(frozen=True)
class Conversation:
    """A row that could be read, with its images.

    Attributes:
        name: Names it in messages.
        place: Where it stands, in the file's own terms.
        draft: What it says.
        pictures: Its images, in order.

    """

    name: str
    place: str
    draft: Draft
    pictures: tuple[Picture, ...]

    @property
    def headers(self) -> tuple[Header, ...]:
        """What its images say about themselves."""
        return tuple(picture.header for picture in self.pictures)


@dataclass(frozen=True)
class _Framed:
    """A conversation with the boxes of its columns; ``framing`` is ``None`` where the frame must be found out."""

    row: Conversation
    framing: Framing | None
    boxes: tuple[RawBox, ...] = ()


def records_of(
    read: Sequence[Conversation], config: RowsSource | LlamaFactorySource, path: Path, refused: list[RefusedRow]
) -> tuple[list[Record], list[str]]:
    """Make records; rows that can't be used are added to ``refused``.

    Boxes in columns of their own, and boxes in the answers, are each judged together before any is converted.

    Args:
        read: Rows in order.
        config: Tells the frames.
        path: Names the file.
        refused: Is added to.

    Returns:
        The records, and notes of how boxes were read.

    Raises:
        DataError: If the boxes contradict the frame that they are read in, or it can't be told.

    """
    framed: list[_Framed] = []
    for row in read:
        try:
            framed.append(_framed(row, config))
        except DataError as error:
            refused.append(RefusedRow.of(path, row.place, error))
    framed, notes = _with_frames(framed, config, path)
    framing, more = _answer_framing(framed, config, path)
    hint = _box_hint(framed)
    records: list[Record] = []
    for one in framed:
        try:
            records.append(_record(one, framing, config.drawn_on, box_hint=hint))
        except DataError as error:
            refused.append(RefusedRow.of(path, one.row.place, error))
    return records, [*notes, *more]


def _framed(row: Conversation, config: RowsSource | LlamaFactorySource) -> _Framed:
    objects = row.draft.objects
    if objects is None:
        return _Framed(row, _WHOLE)
    return _Framed(row, _framing(objects, config), tuple(raw_boxes(objects, row.headers, config.drawn_on)))


def _framing(objects: Objects, config: RowsSource | LlamaFactorySource) -> Framing | None:
    if objects.frame is not None:
        if not isinstance(objects.frame, str) or objects.frame not in NAMES:
            raise DataError(f"objects.bbox_type is {shortened(objects.frame)}; expected {', '.join(NAMES)}")
        return Framing(NAMES[objects.frame])
    frame = config.frame or objects.usual
    return Framing(frame, config.resized_max_pixels) if frame else None


def _with_frames(
    rows: Sequence[_Framed], config: RowsSource | LlamaFactorySource, path: Path
) -> tuple[list[_Framed], list[str]]:
    """Judge the boxes of the columns, those of one frame together, and find out frames that nothing tells."""
    groups: dict[Framing | None, list[tuple[Numbers, Size]]] = {}
    for row in rows:
        found = [(box.numbers, box.size) for box in row.boxes if not box.is_point]
        if row.boxes:
            groups.setdefault(row.framing, []).extend(found)
    notes: list[str] = []
    detected: Framing | None = None
    for framing, boxes in groups.items():
        if framing is None:
            detected, evidence = _detected(boxes, path)
            notes.append(f"{path.name}: boxes in columns found to be {detected}; {evidence}")
            continue
        verdict = judge_frame(boxes, framing, is_declared=config.frame is not None)
        if verdict.fault:
            raise DataError(f"{path}: {verdict.fault}; set frame. Evidence: {verdict.evidence}")
        notes.append(f"{path.name}: boxes in columns read as {framing}; {verdict.evidence}")
    return [replace(row, framing=detected) if row.framing is None else row for row in rows], notes


def _detected(boxes: Sequence[tuple[Numbers, Size]], path: Path) -> tuple[Framing, str]:
    plausible, evidence = plausible_frames(boxes)
    is_resized = plausible == ("resized_xyxy",)  # boxes that fit a budget fit every larger one, and lie elsewhere in it
    if len(plausible) != 1 or is_resized:
        found = f"boxes look like {' or '.join(plausible)}" if plausible else "nothing tells the frame of boxes"
        keys = "frame and resized_max_pixels" if is_resized else "frame"
        raise DataError(f"{path}: {found}; set {keys}. Evidence: {evidence}")
    return Framing(plausible[0]), evidence


def _answer_framing(
    rows: Sequence[_Framed], config: RowsSource | LlamaFactorySource, path: Path
) -> tuple[Framing, list[str]]:
    """Judge the boxes that stand in the answers themselves."""
    framing = Framing(config.answer_frame or _WHOLE.frame, config.resized_max_pixels)
    boxes = [
        (_numbers(span), row.row.headers[0].drawn(config.drawn_on))
        for row in rows
        if row.row.pictures
        for turn in row.row.draft.turns
        for span in find_boxes(turn.answer, is_whole=framing == _WHOLE)
    ]
    if not boxes:
        return framing, []
    verdict = judge_frame(boxes, framing, is_declared=config.answer_frame is not None)
    if verdict.fault:
        raise DataError(f"{path}: in the answers, {verdict.fault}; set answer_frame. Evidence: {verdict.evidence}")
    return framing, [f"{path.name}: boxes in answers read as {framing}; {verdict.evidence}"]


def _numbers(span: BoxSpan) -> Numbers:
    return span.box.x1, span.box.y1, span.box.x2, span.box.y2


def _box_hint(rows: Sequence[_Framed]) -> str:
    """Say that boxes of answers look like pixels if those of most rows exceed thousandths."""
    largest = [
        max(max(span.box) for span in spans)
        for row in rows
        if (spans := [span for turn in row.row.draft.turns for span in find_boxes(turn.answer)])
    ]
    return "; these look like pixels" if 2 * sum(most > UNITS for most in largest) > len(largest) else ""


def _record(row: _Framed, answer_framing: Framing, drawn_on: DrawnOn, *, box_hint: str) -> Record:
    draft = row.row.draft
    if draft.objects is not None and row.framing is not None:
        filled = fill(draft.turns, draft.objects, row.boxes, row.framing)
    else:
        filled = [FilledTurn(turn) for turn in draft.turns]
    return built_record(
        row.row.name,
        system=draft.system,
        turns=[_with_boxes(one, answer_framing, row.row.headers, drawn_on) for one in filled],
        images=row.row.pictures,
        references=draft.references,
        box_hint=box_hint,
    )


def _with_boxes(filled: FilledTurn, framing: Framing, headers: Sequence[Header], drawn_on: DrawnOn) -> Turn:
    """Say where every box of an answer is; those not in thousandths of the upright image yet are put into them."""
    turn, placed = filled.turn, filled.placed
    spans = find_boxes(turn.answer, is_whole=framing == _WHOLE)
    if not spans or not headers:
        return turn
    boxes = [placed.get(span.start) or PlacedBox(_exact(span, framing, headers[0], drawn_on)) for span in spans]
    if framing == _WHOLE and drawn_on == "upright":
        return replace(turn, boxes=tuple(boxes))
    answer = with_numbers(turn.answer, spans, [rounded(box.box_1000) for box in boxes])
    return replace(turn, answer=answer, boxes=tuple(boxes))


def _exact(span: BoxSpan, framing: Framing, header: Header, drawn_on: DrawnOn) -> Box:
    if framing == _WHOLE and drawn_on == "upright":
        return span.box
    size = header.drawn(drawn_on)
    box_px = to_pixels(_numbers(span), framing, size)
    if fault := fault_of(box_px, width=size[0], height=size[1]):
        raise DataError(f"a box of an answer, read as {framing}: {fault}")
    return scaled(header.upright_box(box_px, drawn_on), header.upright, (UNITS, UNITS))
