"""COCO instances: boxes become grounding rows, categories a text row for each photo.

Read by hand: pycocotools drops what it does not understand without a word, and rows must be refused by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from spaces.trial import CocoSource
from trainable.boxes import UNITS, Box, fault_of, pixels_to_thousandths
from trainable.data.files import existing_file, read_json, text_fault
from trainable.data.frames import Numbers, Size, judge_frame
from trainable.data.images import FileImage, size_of
from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError
from trainable.markup import markup_pieces, reference_text

CATEGORY_QUESTION = "Which objects are in the picture?"
_ROUNDING_PX = 0.01
_LISTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class _Photo:
    path: Path
    width: int
    height: int


@dataclass(frozen=True)
class _Instance:
    """An annotation of a known photo and category; one without a box was refused, yet its object is in the photo."""

    category: str
    box_px: Box | None
    is_crowd: bool


def read_coco(config: CocoSource) -> ReadResult:
    """Read COCO instances.

    Each category with exactly one box in a photo gives the row ``Locate the CATEGORY.``; each photo with boxes gives a
    row that asks for its categories. Categories with several boxes or a crowd in a photo have no single right box;
    they are left out of the first and counted in the notes.

    Raises:
        DataError: If the file as a whole can't be used.

    """
    path = Path(config.annotations)
    content = read_json(path)
    if not isinstance(content, dict) or any(not isinstance(content.get(name), list) for name in _LISTS):
        raise DataError(f"{path} is no COCO file; it needs the lists {', '.join(_LISTS)}")
    refused: list[RefusedRow] = []
    names = _names(content["categories"], path, refused)
    photos = _photos(content["images"], path, Path(config.images), refused)
    verdict = judge_frame(_raw_boxes(content["annotations"], photos), "pixels_xywh")
    if verdict.fault:
        raise DataError(f"{path}: {verdict.fault}; COCO's are x, y, width, height in pixels. {verdict.evidence}")
    instances = _instances(content["annotations"], path, photos, names, refused)
    records: list[Record] = []
    several = 0
    for image_id, photo in photos.items():
        found = instances.get(image_id, [])
        if any(one.box_px for one in found):
            located, left = _located(found)
            several += left
            for category, box_px in located:
                box = pixels_to_thousandths(box_px, width=photo.width, height=photo.height)
                if fault := fault_of(box, width=UNITS, height=UNITS):
                    reason = f"the box of {category!r} is too small: in thousandths of the image {fault}"
                    refused.append(RefusedRow(str(path), f"image {image_id}", reason))
                else:
                    records.append(_locate(path, image_id, photo.path, category, box))
            records.append(_categories(path, image_id, photo.path, sorted({one.category for one in found})))
    notes = [f"{path.name}: {len(photos)} images, boxes as x, y, width, height in pixels"]
    if several:
        notes.append(f"{path.name}: {several} boxes of categories with several boxes or a crowd in a photo not located")
    return ReadResult(tuple(records), tuple(refused), tuple(notes))


def _located(found: Sequence[_Instance]) -> tuple[list[tuple[str, Box]], int]:
    """Give the boxes of a photo that alone are right, and the number of the others."""
    counts = Counter(one.category for one in found)
    crowds = {one.category for one in found if one.is_crowd}
    boxes = [(one.category, one.box_px) for one in found if one.box_px]
    located = [(category, box) for category, box in boxes if counts[category] == 1 and category not in crowds]
    return located, len(boxes) - len(located)


def _names(entries: Sequence[Any], path: Path, refused: list[RefusedRow]) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for index, entry in enumerate(entries):
        try:
            if fault := text_fault(entry):
                raise DataError(fault)
            category, name = entry["id"], entry["name"]
            if category in names:
                raise DataError(f"the category id {category!r} stands twice")
            if not isinstance(name, str) or not name.strip():
                raise DataError(f"the category's name must be a text; got {shortened(name)}")
            if IMAGE_TAG in name or any(is_token for _, _, is_token in markup_pieces(name)):
                raise DataError(f"the category's name {name!r} holds a token of the model's own markup")
        except (KeyError, TypeError) as error:
            refused.append(RefusedRow(str(path), f"categories {index}", f"a category needs id and name: {error!r}"))
        except DataError as error:
            refused.append(RefusedRow(str(path), f"categories {index}", str(error)))
        else:
            names[category] = name
    return names


def _photos(entries: Sequence[Any], path: Path, folder: Path, refused: list[RefusedRow]) -> dict[Any, _Photo]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; set data.sources.images to the folder of the photos")
    photos: dict[Any, _Photo] = {}
    for index, entry in enumerate(entries):
        try:
            if fault := text_fault(entry):
                raise DataError(fault)
            image_id, name, width, height = (entry[key] for key in ("id", "file_name", "width", "height"))
            if image_id in photos:
                raise DataError(f"the image id {image_id!r} stands twice")
            file = existing_file(folder, name, what="the image")
            seen = size_of(file)
            if seen != (width, height):
                told, size = (f"{shortened(one)}x{shortened(other)}" for one, other in ((width, height), seen))
                raise DataError(f"{file} is {size} seen upright, not {told}; its boxes would be shifted")
        except (KeyError, TypeError) as error:
            refused.append(
                RefusedRow(str(path), f"images {index}", f"an image needs id, file_name, width and height: {error!r}")
            )
        except DataError as error:
            refused.append(RefusedRow(str(path), f"images {index}", str(error)))
        else:
            photos[image_id] = _Photo(file, *seen)
    return photos


def _raw_boxes(entries: Sequence[Any], photos: Mapping[Any, _Photo]) -> list[tuple[Numbers, Size]]:
    """Give the four numbers of every box that has them, with the size of its photo, to be judged together."""
    boxes: list[tuple[Numbers, Size]] = []
    for entry in entries:
        try:
            photo = photos[entry["image_id"]]
            x, y, third, fourth = (float(value) for value in entry["bbox"])
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        boxes.append(((x, y, third, fourth), (photo.width, photo.height)))
    return boxes


def _instances(
    entries: Sequence[Any],
    path: Path,
    photos: Mapping[Any, _Photo],
    names: Mapping[Any, str],
    refused: list[RefusedRow],
) -> dict[Any, list[_Instance]]:
    instances: dict[Any, list[_Instance]] = {}
    seen: set[Any] = set()
    for index, entry in enumerate(entries):
        box = None
        known: tuple[Any, str, bool] | None = None
        try:
            image_id, category = entry["image_id"], entry["category_id"]
            if category not in names:
                raise DataError(f"the category {category!r} is not listed in categories, or was refused")
            if image_id not in photos:
                raise DataError(f"the image {image_id!r} is not listed in images, or was refused")
            known = (image_id, names[category], bool(entry.get("iscrowd")))
            if "id" in entry and entry["id"] in seen:
                raise DataError(f"the annotation id {entry['id']!r} stands twice")
            box = _box(entry["bbox"], photos[image_id])
            seen.add(entry.get("id"))
        except DataError as error:
            refused.append(RefusedRow(str(path), f"annotations {index}", str(error)))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            reason = f"needs image_id, category_id, bbox: {error!r}"
            refused.append(RefusedRow(str(path), f"annotations {index}", reason))
        if known:
            image_id, name, is_crowd = known
            instances.setdefault(image_id, []).append(_Instance(name, box, is_crowd))
    return instances


def _box(bbox: Any, photo: _Photo) -> Box:
    if not isinstance(bbox, list) or any(isinstance(value, bool | str) for value in bbox):
        raise TypeError(f"bbox {shortened(bbox)}")
    x, y, width, height = (float(value) for value in bbox)
    box = _snapped(Box(x, y, x + width, y + height), photo.width, photo.height)
    if fault := fault_of(box, width=photo.width, height=photo.height):
        raise DataError(fault)
    return box


def _snapped(box: Box, width: int, height: int) -> Box:
    """Put corners that rounding in the file left a hundredth of a pixel outside on the image's edge."""

    def snap(value: float, edge: int) -> float:
        if -_ROUNDING_PX <= value < 0:
            return 0.0
        return float(edge) if edge < value <= edge + _ROUNDING_PX else value

    return Box(snap(box.x1, width), snap(box.y1, height), snap(box.x2, width), snap(box.y2, height))


def _locate(path: Path, image_id: Any, file: Path, category: str, box_1000: Box) -> Record:
    return Record(
        id=f"{path.name}#{image_id}/{category}",
        task="grounding",
        kind="locate",
        images=(FileImage(file),),
        turns=(Turn(f"{IMAGE_TAG}Locate the {category}.", reference_text(category, box_1000)),),
        boxes_1000=(box_1000,),
        distractors=0,  # a category is located only where it has one box
    )


def _categories(path: Path, image_id: Any, file: Path, names: list[str]) -> Record:
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return Record(
        id=f"{path.name}#{image_id}/categories",
        task="text",
        kind="categories",
        images=(FileImage(file),),
        turns=(Turn(IMAGE_TAG + CATEGORY_QUESTION, listed),),
    )
