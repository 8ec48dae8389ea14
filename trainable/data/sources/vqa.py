"""VQA v2 and GQA: questions about images by number, answers beside them or in a file of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from spaces.trial import VqaSource
from trainable.data.files import read_json, text_fault
from trainable.data.records import IMAGE_TAG, Record
from trainable.data.sources.build import built_record
from trainable.data.sources.draft import text_of
from trainable.data.sources.formats.vqa import vqa_draft
from trainable.data.sources.pictures import IMAGE_SUFFIXES, PictureFinder
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError

_LONGEST_ID = 100


def read_vqa(config: VqaSource) -> ReadResult:
    """Read questions and their answers; trained is the answer that most people gave, scored against all of them.

    Raises:
        DataError: If a file as a whole can't be used.

    """
    path = Path(config.questions)
    questions = _questions(path)
    answers = _answers(Path(config.annotations)) if config.annotations else None
    images = _images(Path(config.images))
    finder = PictureFinder(Path(config.images))
    records: list[Record] = []
    refused: list[RefusedRow] = []
    for place, question in questions.items():
        try:
            records.append(_record(f"{path.name}#{place}", question, answers, images, finder))
        except DataError as error:
            refused.append(RefusedRow.of(path, place, error))
    note = f"{path.name}: {len(questions)} questions, answers {'of people' if answers is not None else 'beside them'}"
    return ReadResult(tuple(records), tuple(refused), (note,))


def _questions(path: Path) -> Mapping[str, Any]:
    """Give the questions by id: VQA v2 lists them under ``questions``, GQA maps ids to them."""
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get("questions"), list):
        found = {str(index): entry for index, entry in enumerate(content["questions"])}
    elif isinstance(content, dict) and all(isinstance(one, dict) and "question" in one for one in content.values()):
        found = {_place(name, index): entry for index, (name, entry) in enumerate(content.items())}
    else:
        raise DataError(f"{path} must hold the list questions (VQA v2), or questions by id (GQA)")
    if not found:
        raise DataError(f"{path} holds no questions")
    return found


def _place(name: str, index: int) -> str:
    """Name a question by its id, unless that is no id."""
    return name if name and len(name) <= _LONGEST_ID and text_fault(name) is None else f"question {index}"


def _answers(path: Path) -> Mapping[Any, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise DataError(f"{path} must hold the list annotations (VQA v2)")
    return {_key(entry.get("question_id")): entry for entry in content["annotations"] if isinstance(entry, dict)}


def _key(value: Any) -> Any:
    return value if isinstance(value, int | str) else shortened(value)  # what else JSON holds may be no key


def _images(folder: Path) -> Mapping[str, str]:
    """Map images by name and by number: ``COCO_train2014_000000458752.jpg`` is image 458752."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; set data.sources.images to the folder of the photos")
    found: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in IMAGE_SUFFIXES:
            found.setdefault(file.stem, file.name)
            number = file.stem.rpartition("_")[2]
            if number.isdecimal():
                found.setdefault(str(int(number[:30])), file.name)
    return found


def _record(
    name: str, entry: Any, answers: Mapping[Any, Any] | None, images: Mapping[str, str], finder: PictureFinder
) -> Record:
    if not isinstance(entry, dict):
        raise DataError(f"a question is an object; got {shortened(entry)}")
    if fault := text_fault(entry):
        raise DataError(fault)
    image_id = entry.get("image_id", entry.get("imageId"))
    if not isinstance(image_id, int | str) or str(image_id) not in images:
        raise DataError(f"there is no image {shortened(image_id)} in the folder of images")
    answered = entry
    if answers is not None:
        key = _key(entry.get("question_id"))
        if key not in answers:
            raise DataError(f"the question {shortened(key)} has no annotation")
        answered = answers[key]
        if fault := text_fault(answered):
            raise DataError(f"its annotation: {fault}")
    question = text_of(entry.get("question"), "question")
    if IMAGE_TAG in question:
        raise DataError(f"the question holds {IMAGE_TAG}")
    draft = vqa_draft(IMAGE_TAG + question, answered, ())
    picture = finder.find(images[str(image_id)])
    return built_record(name, system=None, turns=draft.turns, images=(picture,), references=draft.references)
