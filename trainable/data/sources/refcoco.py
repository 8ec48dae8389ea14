"""RefCOCO, RefCOCO+ and RefCOCOg: refs of several expressions each, about the boxes of a COCO file.

Read by hand: the refer API needs Python 2 and trusts its pickles; here a pickle may hold nothing but plain values.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened
from typing import IO, Any

from typing_extensions import override

from spaces.trial import RefcocoSource
from trainable.data.files import read_json, text_fault
from trainable.data.frames import Framing, Numbers, judge_frame
from trainable.data.images import FileImage
from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.data.sources.coco import coco_content, coco_numbers
from trainable.data.sources.formats.referring import phrase_of
from trainable.data.sources.photos import category_name, locate_answer, upright_px
from trainable.data.sources.pictures import PictureFinder
from trainable.data.sources.recognise import unsupported_table
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError

_FRAMING = Framing("pixels_xywh")


class _PlainUnpickler(pickle._Unpickler):
    """Reads lists, dicts, texts and numbers; a file could run anything otherwise.

    It is the slower of the two that Python has: the other one takes 32 GiB where a damaged file says so.
    """

    @override
    def find_class(self, module: str, name: str) -> Any:
        raise DataError(f"the pickle asks for {module}.{name}; refs are plain values")


@dataclass(frozen=True)
class _Instances:
    files: Mapping[Any, str]
    sizes: Mapping[Any, tuple[Any, Any]]
    boxes: Mapping[Any, tuple[Any, Any]]
    """Image id and ``bbox`` of every annotation."""


def read_refcoco(config: RefcocoSource) -> ReadResult:
    """Read referring expressions; each gives a grounding row.

    Raises:
        DataError: If a file as a whole can't be used, or the boxes can't be x, y, width, height in pixels.

    """
    path = Path(config.refs)
    refs = _refs(path)
    instances = _instances(Path(config.instances))
    folder = Path(config.images)
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; set data.sources.images to the folder of the photos")
    finder = PictureFinder(folder)
    refused: list[RefusedRow] = []
    found: list[tuple[str, Any, FileImage, Numbers]] = []
    others = 0
    for index, ref in enumerate(refs):
        place = f"ref {index}"
        try:
            if not isinstance(ref, dict):
                raise DataError(f"a ref is an object; got {type(ref).__name__}")
            if fault := text_fault(ref):
                raise DataError(fault)
            if config.refs_split not in (None, ref.get("split")):
                others += 1
                continue
            found.append((place, ref, *_target(ref, instances, finder)))
        except DataError as error:
            refused.append(RefusedRow.of(path, place, error))
    verdict = judge_frame([(numbers, image.size) for _, _, image, numbers in found], _FRAMING)
    if verdict.fault:
        raise DataError(f"{config.instances}: {verdict.fault}. Evidence: {verdict.evidence}")
    records: list[Record] = []
    for place, ref, image, numbers in found:
        try:
            records.extend(_records(ref, place, image, numbers, path))
        except DataError as error:
            refused.append(RefusedRow.of(path, place, error))
    left = f", {others} of other splits left out" if others else ""
    note = f"{path.name}: {len(refs)} refs{left}; boxes read as {_FRAMING}; {verdict.evidence}"
    return ReadResult(tuple(records), tuple(refused), (note,))


def _refs(path: Path) -> list[Any]:
    if path.suffix.lower() == ".json":
        refs = read_json(path)
    else:
        try:
            with path.open("rb") as file:
                refs = _plain(file)
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror}") from error
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    if not isinstance(refs, list):
        what = unsupported_table(refs) or f"one {type(refs).__name__}"
        raise DataError(f"{path} must hold a list of refs; it holds {what}")
    if not refs:
        raise DataError(f"{path} holds no refs")
    return refs


def _plain(file: IO[bytes]) -> Any:
    try:
        return _PlainUnpickler(file, encoding="utf-8", errors="replace").load()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its bytes lead to
        raise DataError(f"it is no pickle: {error}") from error


def _instances(path: Path) -> _Instances:
    content = coco_content(path)
    images = [one for one in content["images"] if isinstance(one, dict)]
    annotations = [one for one in content["annotations"] if isinstance(one, dict)]
    return _Instances(
        {_key(one.get("id")): one.get("file_name", "") for one in images},
        {_key(one.get("id")): (one.get("width"), one.get("height")) for one in images},
        {_key(one.get("id")): (one.get("image_id"), one.get("bbox")) for one in annotations},
    )


def _key(value: Any) -> Any:
    return value if isinstance(value, int | str) else shortened(value)  # what else JSON holds may be no key


def _target(ref: Mapping[str, Any], instances: _Instances, finder: PictureFinder) -> tuple[FileImage, Numbers]:
    """Find the image and the box that a ref is about."""
    annotation = _key(ref.get("ann_id"))
    if annotation not in instances.boxes:
        raise DataError(f"the annotation {shortened(annotation)} is not in the instances")
    image_id, bbox = instances.boxes[annotation]
    name = instances.files.get(_key(image_id))
    if not name:
        raise DataError(f"the image {shortened(image_id)} is not in the instances")
    try:
        numbers = coco_numbers(bbox)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"the annotation {shortened(annotation)} has no box of four numbers: {error}") from error
    image = finder.find(name)
    if not isinstance(image, FileImage):
        raise DataError("the image must be a path")
    told = instances.sizes[_key(image_id)]
    if told != image.size:
        width, height = image.size
        raise DataError(f"{image.path} is {width}x{height} seen upright, not {'x'.join(map(shortened, told))}")
    return image, numbers


def _records(ref: Mapping[str, Any], place: str, image: FileImage, numbers: Numbers, path: Path) -> list[Record]:
    sentences = ref.get("sentences")
    if not isinstance(sentences, list) or not sentences:
        raise DataError(f"it has no sentences; got {shortened(sentences)}")
    box = upright_px(numbers, image, _FRAMING)
    records: list[Record] = []
    for index, sentence in enumerate(sentences):
        phrase = category_name(phrase_of(sentence, "a sentence"), what="a sentence")
        answer, exact, whole = locate_answer(phrase, [box], image)
        records.append(
            Record(
                id=f"{path.name}#{_key(ref.get('ref_id', place))}/{index}",
                task="grounding",
                kind="locate",
                images=(image,),
                turns=(Turn(f"{IMAGE_TAG}Locate {phrase}.", answer, boxes=exact),),
                boxes_1000=whole,
            )
        )
    return records
