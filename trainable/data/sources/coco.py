"""COCO instances: boxes become grounding rows, categories a text row for each photo.

Read by hand: pycocotools drops what it does not understand without a word, and rows must be refused by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spaces.trial import CocoSource
from trainable.boxes import Box, fault_of, pixels_to_thousandths
from trainable.data.files import read_json
from trainable.data.images import FileImage, size_of
from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError
from trainable.markup import reference_text

CATEGORY_QUESTION = "Which objects are in the picture?"
_ROUNDING_PX = 0.01
_LISTS = ("images", "annotations", "categories")


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
    names = {entry.get("id"): str(entry.get("name", "")) for entry in content["categories"] if isinstance(entry, dict)}
    images = _images(content["images"], path, Path(config.images), refused)
    boxes = _boxes(content["annotations"], path, images, names, refused)
    records: list[Record] = []
    several = 0
    for image_id, (file, width, height) in images.items():
        found = boxes.get(image_id, [])
        crowds = {category for category, _, is_crowd in found if is_crowd}
        counts = Counter(category for category, _, _ in found)
        several += sum(count for category, count in counts.items() if count > 1 or category in crowds)
        for category, box_px, _ in found:
            if counts[category] == 1 and category not in crowds:
                box = pixels_to_thousandths(box_px, width=width, height=height)
                if fault := fault_of(box, width=1000, height=1000):
                    reason = f"the box of {names[category]!r} is too small: in thousandths of the image {fault}"
                    refused.append(RefusedRow(str(path), f"image {image_id}", reason))
                else:
                    records.append(_locate(path, image_id, file, names[category], box))
        if counts:
            records.append(_categories(path, image_id, file, sorted(names[category] for category in counts)))
    notes = [f"{path.name}: {len(images)} images, boxes as x, y, width, height in pixels"]
    if several:
        notes.append(f"{path.name}: {several} boxes of categories with several boxes or a crowd in a photo not located")
    return ReadResult(tuple(records), tuple(refused), tuple(notes))


def _images(
    entries: Sequence[Any], path: Path, folder: Path, refused: list[RefusedRow]
) -> dict[Any, tuple[Path, int, int]]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; set data.sources.images to the folder of the photos")
    images: dict[Any, tuple[Path, int, int]] = {}
    for index, entry in enumerate(entries):
        try:
            image_id, file, width, height = (entry[name] for name in ("id", "file_name", "width", "height"))
            file = (folder / file).resolve()
            if image_id in images:
                raise DataError(f"the image id {image_id!r} stands twice")
            if not file.is_file():
                raise DataError(f"the image {file} does not exist")
            if size_of(file) != (width, height):
                seen = "x".join(map(str, size_of(file)))
                raise DataError(f"{file} is {seen} seen upright, not {width}x{height}; its boxes would be shifted")
        except (KeyError, TypeError) as error:
            refused.append(
                RefusedRow(str(path), f"images {index}", f"an image needs id, file_name, width and height: {error!r}")
            )
        except DataError as error:
            refused.append(RefusedRow(str(path), f"images {index}", str(error)))
        else:
            images[image_id] = (file, width, height)
    return images


def _boxes(
    entries: Sequence[Any],
    path: Path,
    images: Mapping[Any, tuple[Path, int, int]],
    names: Mapping[Any, str],
    refused: list[RefusedRow],
) -> dict[Any, list[tuple[Any, Box, bool]]]:
    boxes: dict[Any, list[tuple[Any, Box, bool]]] = {}
    seen: set[Any] = set()
    for index, entry in enumerate(entries):
        row = f"annotations {index}"
        try:
            image_id, category = entry["image_id"], entry["category_id"]
            x, y, width, height = (float(value) for value in entry["bbox"])
            box = Box(x, y, x + width, y + height)
            if entry.get("id") in seen:
                raise DataError(f"the annotation id {entry['id']!r} stands twice")
            if category not in names:
                raise DataError(f"the category {category!r} is not listed in categories")
            if image_id not in images:
                raise DataError(f"the image {image_id!r} is not listed in images, or was refused")
            box = _snapped(box, *images[image_id][1:])
            if fault := fault_of(box, width=images[image_id][1], height=images[image_id][2]):
                raise DataError(fault)
        except (KeyError, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, DataError) else f"needs image_id, category_id, bbox: {error!r}"
            refused.append(RefusedRow(str(path), row, reason))
        else:
            seen.add(entry.get("id"))
            boxes.setdefault(image_id, []).append((category, box, bool(entry.get("iscrowd"))))
    return boxes


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
