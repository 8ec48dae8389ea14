"""What kind of data set a path holds, found out by looking."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spaces.trial import (
    AutoSource,
    CocoSource,
    LlamaFactorySource,
    RefcocoSource,
    RowsSource,
    VocSource,
    VqaSource,
    YoloSource,
)
from trainable.data.files import read_json, shown, text_fault
from trainable.data.sources.llamafactory import REGISTRY
from trainable.data.sources.pictures import IMAGE_SUFFIXES
from trainable.data.sources.recognise import unsupported_folder, unsupported_table
from trainable.data.sources.voc import annotation_root
from trainable.data.tables import SUFFIXES
from trainable.errors import DataError

Found = CocoSource | VocSource | YoloSource | RefcocoSource | LlamaFactorySource | RowsSource | VqaSource

_NAMES = ("data.yaml", "dataset.yaml", "obj.names", "classes.txt")
_COCO_LISTS = {"images", "annotations", "categories"}
_DESCRIPTIONS = (REGISTRY, "dataset_meta.json", "checks.json")
"""Files about data sets, which hold no rows."""

_MOST_READ = 10
"""So many files of a folder are opened to find the one that is COCO."""

_IMAGE_FOLDERS = ("images", "JPEGImages", "img", "imgs", "train", ".")
_LABEL_FOLDERS = ("annotations", "Annotations", "labels", ".")


def resolved(config: AutoSource) -> tuple[Found, str]:
    """Say what a path holds.

    Args:
        config: The path, and perhaps the folder of the images.

    Returns:
        The data set as it would have been declared, and what was decided and why, in one line.

    Raises:
        DataError: If nothing fits, or something that paretune knows and does not read.

    """
    path = Path(config.path)
    if not path.exists():
        raise DataError(f"{path} does not exist")
    images = Path(config.images) if config.images else None
    found, why = _of_folder(path, images) if path.is_dir() else _of_file(path, images)
    shared = {"share": config.share, "split": config.split}
    return found.model_copy(update=shared), f"{path}: taken as {found.source}, since {why}"


def _of_folder(path: Path, images: Path | None) -> tuple[Found, str]:
    if (path / REGISTRY).is_file() and (names := _registered(path / REGISTRY)):
        if len(names) > 1:
            some = ", ".join(shown(name, 40) for name in names[:5])
            raise DataError(
                f"{path / REGISTRY} names {len(names)} data sets ({some}, …); use source: llamafactory and choose one"
            )
        found = LlamaFactorySource(
            source="llamafactory", folder=str(path), dataset=names[0], image_folder=_named(images)
        )
        return found, f"it holds {REGISTRY} with the one data set {shown(names[0])}"
    rows = RowsSource(source="rows", path=str(path), image_folder=_named(images))
    for name in ("dataset_dict.json", "state.json"):
        if (path / name).is_file():
            return rows, f"it holds {name}, as datasets saves it"
    if any(path.glob("*.parquet")) or any(path.glob("data/*.parquet")):
        return rows, "it holds Parquet files"
    if (folder := _first(path, _LABEL_FOLDERS, (".xml",))) is not None:
        _check_is_voc(folder)
        found = VocSource(source="voc", annotations=str(folder), images=str(images or _images_near(path)))
        return found, f"{folder.name} holds XML files"
    names_file = next((path / name for name in _NAMES if (path / name).is_file()), None)
    if names_file is not None and (folder := _yolo_labels(path)) is not None:
        found = YoloSource(
            source="yolo", labels=str(folder), images=str(images or _images_near(path)), names=str(names_file)
        )
        return found, f"it holds {names_file.name} and text files in {folder.name}"
    return _of_only_file(path, images)


def _named(images: Path | None) -> str | None:
    return None if images is None else str(images)


def _check_is_voc(folder: Path) -> None:
    """Refuse XML files of another kind; some of a data set may be damaged.

    Raises:
        DataError: If none of the first files is Pascal VOC.

    """
    faults: list[DataError] = []
    for file in sorted(file for file in folder.iterdir() if file.suffix.lower() == ".xml")[:_MOST_READ]:
        try:
            annotation_root(file)
        except DataError as error:
            faults.append(DataError(f"{file}: {error}"))
        else:
            return
    raise faults[0]


def _of_only_file(path: Path, images: Path | None) -> tuple[Found, str]:
    """Decide by the one table of a folder, or the one COCO file among several."""
    files = [
        file
        for file in sorted(path.iterdir())
        if file.is_file()
        and file.name.lower().removesuffix(".gz").endswith(SUFFIXES)
        and file.name not in _DESCRIPTIONS
    ]
    if len(files) > 1:
        coco = [file for file in files[:_MOST_READ] if file.suffix == ".json" and _is_coco(file)]
        files = coco if len(coco) == 1 else files
    if len(files) == 1:
        return _of_file(files[0], images)
    if what := unsupported_folder(path):
        raise DataError(f"{path} holds {what}")
    what = f"{len(files)} files ({', '.join(shown(file.name, 40) for file in files[:5])})" if files else "no file"
    raise DataError(
        f"{path} is of no known kind: it holds {what} that could be a data set. Give the path of one, or say what it "
        "is by source: coco, voc, yolo, refcoco, llamafactory, rows or vqa"
    )


def _is_coco(file: Path) -> bool:
    try:
        content = read_json(file)
    except DataError:
        return False
    return isinstance(content, dict) and content.keys() >= _COCO_LISTS


def _of_file(path: Path, images: Path | None) -> tuple[Found, str]:
    rows = RowsSource(source="rows", path=str(path), image_folder=_named(images))
    if path.suffix.lower() != ".json":
        if path.name.lower().endswith((*SUFFIXES, ".gz")):
            return rows, f"it is a table ({path.suffix})"
        if path.suffix.lower() == ".xml":
            raise DataError(f"{path} is one XML file; Pascal VOC is a folder of them, and CVAT's is not read")
        raise DataError(f"{path} is of no known kind; expected a folder or a file that ends in {', '.join(SUFFIXES)}")
    try:
        content = read_json(path)
    except DataError:
        return rows, "it is a .json file of several values"  # or of none: its reader says so
    if isinstance(content, dict) and content.keys() >= _COCO_LISTS:
        found = CocoSource(source="coco", annotations=str(path), images=str(images or _images_for(path, content)))
        return found, "it has images, annotations and categories"
    if isinstance(content, dict) and isinstance(content.get("questions"), list):
        raise DataError(f"{path} holds questions of VQA v2; use source: vqa and name its annotations and images")
    if isinstance(content, dict) and any(isinstance(one, dict) and "imageId" in one for one in content.values()):
        raise DataError(f"{path} holds questions of GQA; use source: vqa and name its images")
    if what := unsupported_table(content[0] if isinstance(content, list) and content else content):
        raise DataError(f"{path} holds {what}")
    if isinstance(content, list) and content and isinstance(content[0], dict) and "ref_id" in content[0]:
        raise DataError(f"{path} holds refs of RefCOCO; use source: refcoco and name its instances and images")
    return rows, "it is a list of rows" if isinstance(content, list) else "it is one row"


def _registered(path: Path) -> list[str]:
    """Give the names of LLaMA-Factory's registry; ``datasets`` writes another file of this name."""
    content = read_json(path)
    entries = content.items() if isinstance(content, dict) else ()
    keys = ("file_name", "hf_hub_url", "ms_hub_url", "script_url")
    found = [name for name, entry in entries if isinstance(entry, dict) and any(key in entry for key in keys)]
    return [name for name in found if name and text_fault(name) is None]


def _yolo_labels(path: Path) -> Path | None:
    """Find the folder of YOLO's labels; they lie in it, or in ``labels`` below the names of splits."""
    if any((path / "labels").glob("*/*.txt")):
        return path / "labels"
    return _first(path, _LABEL_FOLDERS, (".txt",), skip=_NAMES)


def _first(path: Path, folders: Iterable[str], suffixes: Sequence[str], *, skip: Iterable[str] = ()) -> Path | None:
    """Find the first folder that holds files of an ending."""
    for name in folders:
        if any(file.suffix.lower() in suffixes and file.name not in skip for file in (path / name).glob("*")):
            return path / name
    return None


def _images_near(path: Path) -> Path:
    """Find the folder of the images of annotations in a folder."""
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in (path / "images").glob("*/*")):
        return path / "images"
    if (folder := _first(path, _IMAGE_FOLDERS, IMAGE_SUFFIXES)) is not None:
        return folder
    raise DataError(f"{path} holds no folder of images ({', '.join(_IMAGE_FOLDERS[:-1])}); give it by images")


def _images_for(path: Path, content: Any) -> Path:
    """Find the folder in which the first image of a COCO file lies."""
    try:
        name = str(content["images"][0]["file_name"])
    except (KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path} lists no image with a file_name: {json.dumps(str(error))}") from error
    named, others = _split_folders(path, name)
    near = [folder / below for folder in (path.parent, path.parent.parent) for below in ("", *_IMAGE_FOLDERS[:-1])]
    found = named[:1] or [folder for folder in near if _holds(folder, name)][:1] or others
    if len(found) == 1:
        return found[0]
    what = f"lies in {len(found)} folders near it" if found else "was not found near it"
    raise DataError(f"the image {name[:100]!a} of {path} {what}; give its folder by images")


def _split_folders(path: Path, name: str) -> tuple[list[Path], list[Path]]:
    """Find the folders of splits that hold an image of a COCO file, as in ``annotations`` beside ``images/train2017``.

    Returns:
        Those whose name is a word of the file's name, and the others.

    """
    folders = [path.parent, path.parent / "images", path.parent.parent / "images"]
    if path.parent.name.lower() == "annotations":
        folders.append(path.parent.parent)
    found = [split for folder in folders for split in sorted(folder.glob("*/")) if _holds(split, name)]
    words = path.stem.lower().replace("-", "_").split("_")
    named = [split for split in found if split.name.lower() in words]
    return named, [split for split in found if split not in named]


def _holds(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a null character
        return False
