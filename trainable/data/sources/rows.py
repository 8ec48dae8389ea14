"""Files of conversations, in any of the usual formats."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PureWindowsPath
from reprlib import repr as shortened
from typing import Any

from spaces.trial import Frame, RowFormat, RowsSource
from trainable.boxes import UNITS, Box, fault_of
from trainable.data.files import text_fault
from trainable.data.frames import FRAMES, NAMES, Numbers, Size, judge_frame, to_pixels, to_thousandths
from trainable.data.images import BytesImage, FileImage, size_of
from trainable.data.records import Record, Turn
from trainable.data.sources.build import built_record
from trainable.data.sources.draft import Draft, Objects, refuse_unsupported
from trainable.data.sources.formats import FORMATS
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.data.tables import read_table
from trainable.errors import DataError
from trainable.markup import BOX_KEY, REF_END, REF_START, box_list, box_text, markup_pieces

REF, BOX = "<ref-object>", "<bbox>"
_PLACEHOLDER = re.compile(f"({re.escape(REF)}|{re.escape(BOX)})")
_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,")
_LONGEST_PATH = 1000

Image = FileImage | BytesImage


@dataclass(frozen=True)
class _Read:
    """A row that could be read, with its images."""

    name: str
    place: str
    draft: Draft
    images: tuple[Image, ...]
    sizes: tuple[Size, ...]


def read_rows(config: RowsSource) -> ReadResult:
    """Read a file of conversations.

    Boxes by placeholder are put into the model's frame, once all of them together do not contradict the frame that they
    are read in. Boxes in the model's own notation are taken as they are.

    Raises:
        DataError: If the file as a whole can't be read, its format is unknown, or its boxes are in another frame.

    """
    path = Path(config.path)
    folder = Path(config.image_folder) if config.image_folder else path.parent
    refused: list[RefusedRow] = []
    read: list[_Read] = []
    formats: Counter[str] = Counter()
    places: dict[str, int] = {}
    known: dict[str, tuple[Image, Size]] = {}
    for number, row in enumerate(read_table(path)):
        if config.max_rows is not None and number >= config.max_rows:
            break
        places[row.place] = number
        try:
            name, evidence, draft = _draft(row.value, config.format)
            found = [_sized(one, folder, known) for one in draft.images]
            images, sizes = tuple(image for image, _ in found), tuple(size for _, size in found)
            formats[f"{name} ({evidence})"] += 1
            read.append(_Read(f"{path.name}#{row.place}", row.place, draft, images, sizes))
        except DataError as error:
            refused.append(RefusedRow(str(path), row.place, str(error)))
    records, notes = _records(read, config, path, refused)
    shown = ", ".join(f"{count} rows as {name}" for name, count in formats.most_common())
    refused.sort(key=lambda row: places[row.row])
    return ReadResult(tuple(records), tuple(refused), (f"{path.name}: {shown or 'no row could be read'}", *notes))


def _draft(value: Any, wanted: RowFormat | None) -> tuple[RowFormat, str, Draft]:
    if isinstance(value, DataError):
        raise value
    if not isinstance(value, dict):
        raise DataError(f"a row is an object; got {shortened(value)}")
    row: Mapping[str, Any] = value
    if fault := text_fault(row):
        raise DataError(fault)
    refuse_unsupported(row)
    for name, reader in FORMATS.items():
        evidence = reader.matches(row)
        if evidence is not None and wanted in (None, name):
            return name, evidence, reader.draft_of(row)
    expected = wanted or f"one of {', '.join(FORMATS)}"
    raise DataError(f"the row's columns {', '.join(map(shortened, list(row)[:8]))} are of no known format ({expected})")


def _sized(value: Any, folder: Path, known: dict[str, tuple[Image, Size]]) -> tuple[Image, Size]:
    """Find an image and its size; those of one short name are looked up once."""
    if not isinstance(value, str) or len(value) > _LONGEST_PATH:
        image = _image(value, folder)
        return image, size_of(image.file, name=image.name)
    if value not in known:
        image = _image(value, folder)
        known[value] = image, size_of(image.file, name=image.name)
    return known[value]


def _image(value: Any, folder: Path) -> Image:
    """Find an image; what a row gives is never echoed at length.

    Raises:
        DataError: If it is missing, lies outside the folder, or is a URL.

    """
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        return BytesImage.of(value["bytes"])
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        value = value["path"]
    if not isinstance(value, str) or not value:
        raise DataError(f"an image must be a path, a data URI or bytes; got {shortened(value)}")
    if match := _DATA_URI.match(value):
        try:
            return BytesImage.of(base64.b64decode(value[match.end() :], validate=True))
        except (binascii.Error, ValueError) as error:
            raise DataError(f"the image's base64 can't be decoded: {error}") from error
    if "://" in value[:20]:
        raise DataError(f"the image {value[:100]} is a URL; download it and give its path")
    if len(value) > _LONGEST_PATH:
        raise DataError(f"an image of {len(value)} characters is no path; base64 needs data:image/…;base64, before it")
    return FileImage(_existing(value, folder))


def _existing(name: str, folder: Path) -> Path:
    if "\\" in name:
        if PureWindowsPath(name).drive:
            raise DataError(f"the image {name[:100]!a} lies on a drive of Windows; give a path below {folder}")
        name = name.replace("\\", "/")
    try:
        path, root = (folder / name).resolve(), folder.resolve()
        exists = path.is_file()
    except (OSError, ValueError) as error:  # a null character, or a name that is too long
        raise DataError(f"the image {name[:100]!a} is no path") from error
    if not path.is_relative_to(root):
        raise DataError(f"the image {name[:100]!a} lies outside {root}; set image_folder to a folder that holds it")
    if not exists:
        beside = _names_in(path.parent)
        near = get_close_matches(path.name.lower(), [one.lower() for one in beside], n=1, cutoff=0.7)
        hint = next((f"; did you mean {one}?" for one in beside if [one.lower()] == near), "")
        raise DataError(f"the image {name[:100]!a} does not exist in {folder}{hint}")
    return path


def _names_in(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except OSError:
        return []


def _records(
    read: Sequence[_Read], config: RowsSource, path: Path, refused: list[RefusedRow]
) -> tuple[list[Record], list[str]]:
    kept: list[tuple[_Read, Frame, list[tuple[Numbers, Size]]]] = []
    for row in read:
        try:
            kept.append((row, *_boxes_of(row, config)))
        except DataError as error:
            refused.append(RefusedRow(str(path), row.place, str(error)))
    notes = []
    for frame in FRAMES:
        if not any(boxes for _, own, boxes in kept if own == frame):
            continue
        verdict = judge_frame([box for _, own, boxes in kept if own == frame for box in boxes], frame)
        if verdict.fault:
            raise DataError(f"{path}: {verdict.fault}; set frame. Evidence: {verdict.evidence}")
        notes.append(f"{path.name}: boxes by placeholder read as {frame}; {verdict.evidence}")
    records: list[Record] = []
    for row, frame, boxes in kept:
        try:
            records.append(_record(row, frame, boxes))
        except DataError as error:
            refused.append(RefusedRow(str(path), row.place, str(error)))
    return records, notes


def _boxes_of(row: _Read, config: RowsSource) -> tuple[Frame, list[tuple[Numbers, Size]]]:
    """Give the frame of a row's placeholder boxes, and the boxes with the sizes of their images."""
    objects = row.draft.objects
    if objects is None:
        return config.frame or "pixels_xyxy", []
    boxes = [_numbers(box, place) for place, box in enumerate(objects.boxes)]
    return _frame(objects, config), [
        (box, row.sizes[_image_of(objects, place, row)]) for place, box in enumerate(boxes)
    ]


def _frame(objects: Objects, config: RowsSource) -> Frame:
    if objects.frame is None:
        return config.frame or "pixels_xyxy"
    if not isinstance(objects.frame, str) or objects.frame not in NAMES:
        raise DataError(f"objects.bbox_type is {shortened(objects.frame)}; expected {', '.join(NAMES)}")
    return NAMES[objects.frame]


def _numbers(box: Any, place: int) -> Numbers:
    where = f"objects.bbox[{place}]"
    if not isinstance(box, list) or any(isinstance(value, list | dict) for value in box):
        raise DataError(f"{where} must be four numbers; got {shortened(box)}")
    if len(box) != 4:
        raise DataError(f"{where} has {len(box)} numbers; expected 4")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in box):
        raise DataError(f"{where} must be four numbers; got {shortened(box)}")
    try:
        first, second, third, fourth = (float(value) for value in box)
    except OverflowError as error:
        raise DataError(f"{where} holds a number that is too large: {shortened(box)}") from error
    return first, second, third, fourth


def _image_of(objects: Objects, place: int, row: _Read) -> int:
    index = objects.image_ids[place] if place < len(objects.image_ids) else 0
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(row.images):
        raise DataError(f"objects.bbox[{place}] belongs to image {shortened(index)}; the row has {len(row.images)}")
    return index


def _record(row: _Read, frame: Frame, boxes: Sequence[tuple[Numbers, Size]]) -> Record:
    texts = [text for turn in row.draft.turns for text in turn]
    if row.draft.objects is not None:
        texts = _filled(texts, row.draft.objects, frame, boxes)
    return built_record(
        row.name,
        system=row.draft.system,
        turns=[Turn(*pair) for pair in zip(texts[::2], texts[1::2], strict=True)],
        images=row.images,
    )


def _filled(texts: Sequence[str], objects: Objects, frame: Frame, boxes: Sequence[tuple[Numbers, Size]]) -> list[str]:
    """Put phrases and boxes in place of their placeholders, in the order of the texts."""
    asked_refs, asked_boxes = (sum(text.count(mark) for text in texts) for mark in (REF, BOX))
    if asked_refs != len(objects.refs) and asked_refs:
        raise DataError(f"{asked_refs} {REF} placeholders but {len(objects.refs)} phrases in objects.ref")
    if asked_boxes != len(boxes):
        raise DataError(f"{asked_boxes} {BOX} placeholders but {len(boxes)} boxes in objects.bbox")
    refs = iter([_phrase(ref) for ref in objects.refs])
    boxes_1000 = iter([_in_thousandths(place, frame, *box) for place, box in enumerate(boxes)])
    filled: list[str] = []
    for text in texts:
        pieces = _PLACEHOLDER.split(text)
        for index in range(1, len(pieces), 2):
            before = pieces[index - 1].rstrip()
            if pieces[index] == REF:
                phrase = next(refs)
                pieces[index] = phrase if before.endswith('"') else f"{REF_START}{phrase}{REF_END}"
            else:
                write = box_list if before.endswith(f"{BOX_KEY}:") else box_text
                pieces[index] = write(next(boxes_1000))
        filled.append("".join(pieces))
    return filled


def _phrase(ref: Any) -> str:
    if not isinstance(ref, str) or not ref.strip():
        raise DataError(f"a phrase of objects.ref must be a text; got {shortened(ref)}")
    if any(is_token for _, _, is_token in markup_pieces(ref)) or "<|" in ref:
        raise DataError(f"the phrase {shortened(ref)} holds a token of the model's own markup")
    return ref


def _in_thousandths(place: int, frame: Frame, numbers: Numbers, size: Size) -> Box:
    where = f"objects.bbox[{place}]"
    width, height = size
    if frame.startswith("pixels") and 0 < max(numbers) <= 1:
        raise DataError(f"{where} {numbers} is smaller than a pixel; these look like shares of the image. Set frame")
    if fault := fault_of(to_pixels(numbers, frame, size), width=width, height=height):
        raise DataError(f"{where}, read as {frame}: {fault}")
    box = to_thousandths(numbers, frame, size)
    if fault := fault_of(box, width=UNITS, height=UNITS):
        raise DataError(f"{where} is too small: in thousandths of the image {fault}")
    return box
