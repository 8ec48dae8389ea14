"""YOLO: a text file of boxes for each photo, ``class centre_x centre_y width height`` as shares of the photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from spaces.trial import YoloSource
from trainable.data.frames import Framing, Numbers
from trainable.data.sources.photos import Label, Photo, category_name, drawn_on, photo_records
from trainable.data.sources.pictures import PictureFinder
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError

_NAME_FILES = ("classes.txt", "obj.names", "data.yaml")
_DETECTION = 6
"""Numbers in a line of a detector's output: a box and its confidence."""


def read_yolo(config: YoloSource) -> ReadResult:
    """Read YOLO labels; a photo without a file has no objects and gives no row.

    Raises:
        DataError: If a folder or the names are missing, or there is no label file.

    """
    labels, images = Path(config.labels), Path(config.images)
    for one, key in ((labels, "labels"), (images, "images")):
        if not one.is_dir():
            raise DataError(f"{one} is no folder; set data.sources.{key}")
    names = read_names(Path(config.names))
    files = [file for file in sorted(labels.rglob("*.txt")) if file.name not in _NAME_FILES]
    if not files:
        raise DataError(f"{labels} holds no label file (.txt)")
    finder = PictureFinder(images)
    refused: list[RefusedRow] = []
    photos: list[Photo] = []
    seen: dict[str, str] = {}
    for file in files:
        try:
            name = file.relative_to(labels).with_suffix("")
            image = finder.find_stem(name)
            if image.key in seen:
                raise DataError(f"its image is that of {seen[image.key]} too; its objects would be split")
            photo = Photo(str(name), file.name, image, drawn_on(image, None, config))
            photo.labels.extend(_labels(file, names, refused))
        except DataError as error:
            refused.append(RefusedRow.of(file, "file", error))
        else:
            seen[image.key] = file.name
            photos.append(photo)
    return photo_records(photos, config, labels, framing=Framing("unit_cxcywh"), refused=refused)


def read_names(path: Path) -> list[str]:
    """Read the class names: ``names`` of a data.yaml, or one name a line.

    Raises:
        DataError: If there are none, or one is no usable name.

    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the class names {path} can't be read: {error}") from error
    found = _of_yaml(text, path) if path.suffix.lower() in (".yaml", ".yml") else text.splitlines()
    names = [str(name).strip() if isinstance(name, str | int | float) else name for name in found]
    while names and names[-1] == "":
        names.pop()
    if not names:
        raise DataError(f"{path} holds no class names")
    try:
        return [category_name(name) for name in names]
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _of_yaml(text: str, path: Path) -> Sequence[Any]:
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, TypeError, RecursionError) as error:  # ValueError: a date that is none
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is no YAML: {first}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, dict) and names.keys() == set(range(len(names))):
        return [names[index] for index in range(len(names))]
    if not isinstance(names, list):
        raise DataError(f"{path} needs `names`, a list or a mapping from 0 upwards; got {shortened(names)}")
    return names


def _labels(file: Path, names: Sequence[str], refused: list[RefusedRow]) -> list[Label]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"it can't be read: {error}") from error
    labels: list[Label] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            category = _category(line.split()[0], names)
        except DataError as error:
            refused.append(RefusedRow.of(file, place, error))
            continue
        try:
            numbers = _numbers(line.split()[1:])
        except DataError as error:
            refused.append(RefusedRow.of(file, place, error))
            numbers = None
        labels.append(Label(f"{file.name} {place}", category, numbers))
    return labels


def _category(text: str, names: Sequence[str]) -> str:
    number = int(text[:9]) if text.isdecimal() else -1
    if not 0 <= number < len(names) or len(text) > 9:
        raise DataError(f"the class {shortened(text)} is none of 0 to {len(names) - 1}")
    return names[number]


def _numbers(texts: Sequence[str]) -> Numbers:
    if len(texts) == _DETECTION - 1:
        raise DataError("it has 5 numbers after the class: a detector's output with a confidence, no label")
    if len(texts) != 4:
        what = "; polygons and turned boxes are not read" if len(texts) > 4 else ""
        raise DataError(f"it has {len(texts)} numbers after the class; expected 4{what}")
    try:
        first, second, third, fourth = (float(text) for text in texts)
    except ValueError as error:
        raise DataError(f"its numbers are {shortened(' '.join(texts))}; expected four") from error
    return first, second, third, fourth
