"""Photos with labelled boxes, whatever their file: grounding rows from the boxes, a text row from the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import repr as shortened

from spaces.trial import CocoSource, DrawnOn, VocSource, YoloSource
from trainable.boxes import UNITS, Box, Size, fault_of, rounded, scaled
from trainable.data.files import text_fault
from trainable.data.frames import Framing, Numbers, judge_frame, to_pixels
from trainable.data.images import FileImage
from trainable.data.records import IMAGE_TAG, PlacedBox, Record, Turn
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError
from trainable.markup import BOX_KEY, REF_END, REF_START, box_text, markup_pieces

PhotoSource = CocoSource | VocSource | YoloSource

CATEGORY_QUESTION = "Which objects are in the picture?"
_ROUNDING_PX = 0.01


@dataclass(frozen=True)
class Label:
    """One labelled object of a photo.

    Attributes:
        place: Where it stands, in the file's own terms.
        category: What it is.
        numbers: Its box in the file's frame; ``None`` if the box can't be read, yet the object is in the photo.
        is_crowd: Whether it stands for several objects.

    """

    place: str
    category: str
    numbers: Numbers | None
    is_crowd: bool = False


@dataclass(frozen=True)
class Photo:
    """An image with its objects.

    Attributes:
        name: Names it in row ids.
        place: Where it stands, in the file's own terms.
        image: The file.
        drawn_on: Whether boxes are in the frame of the image as it is seen or as it is stored.
        labels: Its objects.

    """

    name: str
    place: str
    image: FileImage
    drawn_on: DrawnOn
    labels: list[Label] = field(default_factory=list)

    @property
    def drawn_size(self) -> Size:
        """Width and height in pixels of what boxes were drawn on."""
        return self.image.header.drawn(self.drawn_on)


def drawn_on(image: FileImage, told: Size | None, config: PhotoSource) -> DrawnOn:
    """Say in which of a photo's two frames its boxes are.

    Args:
        image: The photo; most are stored as they are seen.
        told: Width and height that the annotations give, if any.
        config: May say.

    Raises:
        DataError: If the annotations are for an image of another size.

    """
    header = image.header
    sizes: dict[DrawnOn, Size] = {"upright": header.upright, "stored": header.stored}
    wanted: list[DrawnOn] = [config.drawn_on] if config.drawn_on else ["upright", "stored"]
    for name in wanted:
        if told in (None, sizes[name]):
            return name
    seen = " or ".join(dict.fromkeys(f"{width}x{height}" for width, height in (sizes[name] for name in wanted)))
    width, height = told or (0, 0)
    raise DataError(
        f"{image.path} is {seen} seen upright, not {shortened(width)}x{shortened(height)}; its boxes would be shifted"
    )


def category_name(name: object, *, what: str = "the category's name") -> str:
    """Check a category's name, or another phrase.

    Args:
        name: As it stands in the data.
        what: What messages call it.

    Raises:
        DataError: If it is no text, empty, holds a token or a box, or can't be written.

    """
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{what} must be a text; got {shortened(name)}")
    if fault := text_fault(name):
        raise DataError(f"{what}: {fault}")
    if IMAGE_TAG in name or BOX_KEY in name or any(is_token for _, _, is_token in markup_pieces(name)):
        raise DataError(f"{what} {shortened(name)} holds a token of the model's own markup")
    return name


def photo_records(
    photos: Sequence[Photo], config: PhotoSource, path: Path, *, framing: Framing, refused: list[RefusedRow]
) -> ReadResult:
    """Make rows of photos.

    Every category with at most ``max_boxes`` boxes in a photo gives a grounding row, every photo with a box a text row
    that asks for its categories. A category with more boxes, or with a crowd, is left out of the first and counted.

    Args:
        photos: In order.
        config: The data set.
        path: Names it.
        framing: Of its boxes.
        refused: What the reader refused; labels and rows that can't be used are added.

    Raises:
        DataError: If the boxes contradict their frame.

    """
    boxes = [(label.numbers, photo.drawn_size) for photo in photos for label in photo.labels if label.numbers]
    is_declared = not isinstance(config, YoloSource) and config.frame is not None
    verdict = judge_frame(boxes, framing, is_declared=is_declared)
    if verdict.fault:
        hint = "" if isinstance(config, YoloSource) else "; set frame"
        raise DataError(f"{path}: {verdict.fault}{hint}. Evidence: {verdict.evidence}")
    records: list[Record] = []
    left = 0
    for photo in photos:
        known = [(label, _checked(label, photo, framing, path, refused)) for label in photo.labels]
        if not any(box for _, box in known):
            continue
        located, more = _located(known, config.max_boxes)
        left += more
        for category, found in located.items():
            try:
                records.append(_locate(photo, category, found, path, several=config.max_boxes > 1))
            except DataError as error:
                refused.append(RefusedRow.of(path, photo.place, error))
        records.append(_categories(photo, sorted({label.category for label, _ in known}), path))
    notes = [f"{path.name}: {len(photos)} images, boxes read as {framing}; {verdict.evidence}"]
    if turned := sum(photo.image.header.orientation != 1 for photo in photos):
        stored = sum(photo.drawn_on == "stored" for photo in photos)
        notes.append(
            f"{path.name}: {turned} images are stored turned (EXIF); boxes of {stored} were drawn on them as "
            "stored, of the others as seen"
        )
    if left:
        notes.append(
            f"{path.name}: {left} boxes of categories with more than {_boxes(config.max_boxes)} or a crowd in a photo "
            "not located; max_boxes sets how many are"
        )
    return ReadResult(tuple(records), tuple(refused), tuple(notes))


def _boxes(count: int) -> str:
    return "1 box" if count == 1 else f"{count} boxes"


def _located(known: Sequence[tuple[Label, Box | None]], most: int) -> tuple[dict[str, list[Box]], int]:
    """Give the boxes of the categories that are located, and the number of the other boxes."""
    counts = Counter(label.category for label, _ in known)
    crowds = {label.category for label, _ in known if label.is_crowd}
    unread = {label.category for label, box in known if box is None}
    located: dict[str, list[Box]] = {}
    left = 0
    for label, box in known:
        if box is None:
            continue
        category = label.category
        if counts[category] <= most and category not in crowds and category not in unread:
            located.setdefault(category, []).append(box)
        else:
            left += 1
    return located, left


def _checked(label: Label, photo: Photo, framing: Framing, path: Path, refused: list[RefusedRow]) -> Box | None:
    """Give a label's box in pixels of the upright image, or refuse it."""
    if label.numbers is None:
        return None
    try:
        return upright_px(label.numbers, photo.image, framing, photo.drawn_on)
    except DataError as error:
        refused.append(RefusedRow.of(path, label.place, error))
        return None


def upright_px(numbers: Numbers, image: FileImage, framing: Framing, drawn_on: DrawnOn = "upright") -> Box:
    """Express a box in pixels of the upright image; corners at most a hundredth of a pixel outside go on its edge.

    Raises:
        DataError: If it is not finite, has no area, or leaves the image.

    """
    size = image.header.drawn(drawn_on)
    width, height = size
    box = _snapped(to_pixels(numbers, framing, size), width, height)
    if fault := fault_of(box, width=width, height=height):
        raise DataError(fault)
    return image.header.upright_box(box, drawn_on)


def _snapped(box: Box, width: int, height: int) -> Box:
    """Put corners that rounding in the file left a hundredth of a pixel outside on the image's edge."""

    def snap(value: float, edge: int) -> float:
        if -_ROUNDING_PX <= value < 0:
            return 0.0
        return float(edge) if edge < value <= edge + _ROUNDING_PX else value

    return Box(snap(box.x1, width), snap(box.y1, height), snap(box.x2, width), snap(box.y2, height))


def locate_answer(
    phrase: str, boxes_px: Sequence[Box], image: FileImage
) -> tuple[str, tuple[PlacedBox, ...], tuple[Box, ...]]:
    """Write an answer of one phrase and its boxes.

    Args:
        phrase: What they are.
        boxes_px: In pixels of the upright image.
        image: The image.

    Returns:
        The answer in the native form, its exact boxes, and the same in whole thousandths.

    Raises:
        DataError: If a box has no area in thousandths of the image.

    """
    exact = [scaled(box, image.size, (UNITS, UNITS)) for box in boxes_px]
    whole = tuple(rounded(box) for box in exact)
    for box in whole:
        if fault := fault_of(box, width=UNITS, height=UNITS):
            raise DataError(f"the box of {shortened(phrase)} is too small: in thousandths of the image {fault}")
    answer = f"{REF_START}{phrase}{REF_END}" + "".join(map(box_text, whole))
    return answer, tuple(PlacedBox(box) for box in exact), whole


def _locate(photo: Photo, category: str, boxes_px: Sequence[Box], path: Path, *, several: bool) -> Record:
    ordered = sorted(boxes_px, key=lambda box: (box.x1, box.y1))
    answer, exact, whole = locate_answer(category, ordered, photo.image)
    question = f"Locate every {category}." if several else f"Locate the {category}."
    return Record(
        id=f"{path.name}#{photo.name}/{category}",
        task="grounding",
        kind="locate",
        images=(photo.image,),
        turns=(Turn(IMAGE_TAG + question, answer, boxes=exact),),
        boxes_1000=whole,
        distractors=0,  # all boxes of the category are in the answer
    )


def _categories(photo: Photo, names: list[str], path: Path) -> Record:
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return Record(
        id=f"{path.name}#{photo.name}/categories",
        task="text",
        kind="categories",
        images=(photo.image,),
        turns=(Turn(IMAGE_TAG + CATEGORY_QUESTION, listed),),
    )
