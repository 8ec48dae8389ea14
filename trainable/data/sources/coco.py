"""COCO instances: boxes become grounding rows, categories a text row for each photo.

Read by hand: pycocotools drops what it does not understand without a word, and rows must be refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from spaces.trial import CocoSource
from trainable.data.files import read_json, text_fault
from trainable.data.frames import Framing, Numbers
from trainable.data.images import FileImage
from trainable.data.sources.photos import Label, Photo, category_name, drawn_on, photo_records
from trainable.data.sources.pictures import PictureFinder
from trainable.data.sources.recognise import unsupported_table
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError

_LISTS = ("images", "annotations", "categories")


def read_coco(config: CocoSource) -> ReadResult:
    """Read COCO instances.

    Raises:
        DataError: If the file as a whole can't be used.

    """
    path, folder = Path(config.annotations), Path(config.images)
    content = coco_content(path)
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; set data.sources.images to the folder of the photos")
    if content["annotations"] and all(isinstance(one, dict) and "score" in one for one in content["annotations"]):
        raise DataError(f"{path}: every annotation has a score: it is a detector's output, no annotation by people")
    refused: list[RefusedRow] = []
    names = _names(content["categories"], path, refused)
    photos = _photos(content["images"], path, folder, config, refused)
    _add_labels(content["annotations"], path, photos, names, refused)
    framing = Framing(config.frame or "pixels_xywh")
    return photo_records(list(photos.values()), config, path, framing=framing, refused=refused)


def coco_content(path: Path) -> Mapping[str, list[Any]]:
    """Read a COCO file.

    Raises:
        DataError: If it can't be read or lacks one of the three lists.

    """
    content = read_json(path)
    if not isinstance(content, dict) or any(not isinstance(content.get(name), list) for name in _LISTS):
        first = content[0] if isinstance(content, list) and content else content
        what = unsupported_table(first)
        raise DataError(
            f"{path} is no COCO file; it needs the lists {', '.join(_LISTS)}{f'. It holds {what}' if what else ''}"
        )
    return content


def _names(entries: Sequence[Any], path: Path, refused: list[RefusedRow]) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for index, entry in enumerate(entries):
        try:
            if fault := text_fault(entry):
                raise DataError(fault)
            category, name = entry["id"], entry["name"]
            if category in names:
                raise DataError(f"the category id {shortened(category)} stands twice")
            names[category] = category_name(name)
        except DataError as error:
            refused.append(RefusedRow.of(path, f"categories {index}", error))
        except (KeyError, TypeError) as error:
            refused.append(RefusedRow(str(path), f"categories {index}", f"a category needs id and name: {error!r}"))
    return names


def _photos(
    entries: Sequence[Any], path: Path, folder: Path, config: CocoSource, refused: list[RefusedRow]
) -> dict[Any, Photo]:
    finder = PictureFinder(folder)
    photos: dict[Any, Photo] = {}
    files: dict[str, Any] = {}
    for index, entry in enumerate(entries):
        try:
            if fault := text_fault(entry):
                raise DataError(fault)
            image_id, name, width, height = (entry[key] for key in ("id", "file_name", "width", "height"))
            if image_id in photos:
                raise DataError(f"the image id {shortened(image_id)} stands twice")
            image = _file(finder, name)
            if image.key in files:
                other = shortened(files[image.key])
                raise DataError(f"the image {shortened(name)} is that of {other} too; its objects would be split")
            photo = Photo(str(image_id), f"image {image_id}", image, drawn_on(image, (width, height), config))
        except DataError as error:
            refused.append(RefusedRow.of(path, f"images {index}", error))
        except (KeyError, TypeError) as error:
            reason = f"an image needs id, file_name, width and height: {error!r}"
            refused.append(RefusedRow(str(path), f"images {index}", reason))
        else:
            photos[image_id], files[image.key] = photo, image_id
    return photos


def _file(finder: PictureFinder, name: Any) -> FileImage:
    if not isinstance(name, str):
        raise DataError(f"the image must be a path; got {type(name).__name__}")
    found = finder.find(name)
    if not isinstance(found, FileImage):
        raise DataError("the image must be a path; got data")
    return found


def _add_labels(
    entries: Sequence[Any],
    path: Path,
    photos: Mapping[Any, Photo],
    names: Mapping[Any, str],
    refused: list[RefusedRow],
) -> None:
    """Add every annotation of a known photo and category to its photo; one that is refused still is an object."""
    seen: set[Any] = set()
    for index, entry in enumerate(entries):
        place = f"annotations {index}"
        numbers = None
        known: tuple[Any, str, bool] | None = None
        try:
            image_id, category = entry["image_id"], entry["category_id"]
            if category not in names:
                raise DataError(f"the category {shortened(category)} is not listed in categories, or was refused")
            if image_id not in photos:
                raise DataError(f"the image {shortened(image_id)} is not listed in images, or was refused")
            known = (image_id, names[category], bool(entry.get("iscrowd")))
            if "id" in entry and entry["id"] in seen:
                raise DataError(f"the annotation id {shortened(entry['id'])} stands twice")
            numbers = coco_numbers(entry["bbox"])
            seen.add(entry.get("id"))
        except DataError as error:
            refused.append(RefusedRow.of(path, place, error))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            reason = f"needs image_id, category_id, bbox: {error!r}"
            refused.append(RefusedRow(str(path), place, reason))
        if known:
            image_id, name, is_crowd = known
            photos[image_id].labels.append(Label(place, name, numbers, is_crowd))


def coco_numbers(bbox: Any) -> Numbers:
    """Check that a ``bbox`` is a list of four numbers.

    Raises:
        TypeError: If it is none, or holds something else.
        ValueError: If it has another length.
        OverflowError: If a number is too large.

    """
    if not isinstance(bbox, list) or any(isinstance(value, bool | str) for value in bbox):
        raise TypeError(f"bbox {shortened(bbox)}")
    first, second, third, fourth = (float(value) for value in bbox)
    return first, second, third, fourth
