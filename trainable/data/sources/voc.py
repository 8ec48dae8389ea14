"""Pascal VOC: an XML file for each photo.

Read by the standard library's parser, whose expat refuses documents that expand without end.
"""

from __future__ import annotations

from pathlib import Path
from reprlib import repr as shortened
from xml.etree import ElementTree

from spaces.trial import VocSource
from trainable.boxes import Size
from trainable.data.frames import Framing, Numbers
from trainable.data.images import FileImage
from trainable.data.sources.photos import Label, Photo, category_name, drawn_on, photo_records
from trainable.data.sources.pictures import PictureFinder
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.errors import DataError, MissingImageError


def read_voc(config: VocSource) -> ReadResult:
    """Read a folder of Pascal VOC annotations; of ``path`` and ``folder`` in them, nothing is used.

    Raises:
        DataError: If a folder is missing, or there is no XML file.

    """
    folder, images = Path(config.annotations), Path(config.images)
    for one, key in ((folder, "annotations"), (images, "images")):
        if not one.is_dir():
            raise DataError(f"{one} is no folder; set data.sources.{key}")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".xml")
    if not files:
        raise DataError(f"{folder} holds no XML file")
    finder = PictureFinder(images)
    photos: list[Photo] = []
    seen: dict[str, str] = {}
    refused: list[RefusedRow] = []
    for file in files:
        try:
            photo = _photo(file, finder, config, refused)
            if photo.image.key in seen:
                raise DataError(f"its image is that of {seen[photo.image.key]} too; its objects would be split")
        except DataError as error:
            refused.append(RefusedRow.of(file, "file", error))
        else:
            seen[photo.image.key] = file.name
            photos.append(photo)
    return photo_records(photos, config, folder, framing=Framing(config.frame or "pixels_xyxy"), refused=refused)


def _photo(file: Path, finder: PictureFinder, config: VocSource, refused: list[RefusedRow]) -> Photo:
    root = annotation_root(file)
    image = _image(root, file, finder)
    photo = Photo(file.stem, file.name, image, drawn_on(image, _size(root), config))
    for index, element in enumerate(root.iterfind("object")):
        place = f"{file.name} object {index}"
        try:
            category = category_name((element.findtext("name") or "").strip())
        except DataError as error:
            refused.append(RefusedRow.of(file, f"object {index}", error))
            continue
        try:
            numbers = _numbers(element)
        except DataError as error:
            refused.append(RefusedRow.of(file, f"object {index}", error))
            numbers = None
        photo.labels.append(Label(place, category, numbers))
    return photo


def annotation_root(file: Path) -> ElementTree.Element:
    """Read a file and check that it is Pascal VOC.

    Raises:
        DataError: If it is no XML, or another tool's.

    """
    try:
        root = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise DataError(f"it is no XML: {error}") from error
    if root.tag != "annotation":
        is_cvat = root.tag == "annotations"
        hint = "; it is CVAT's, which paretune does not read: export it as Pascal VOC" if is_cvat else ""
        raise DataError(f"its root is <{root.tag[:60]}>; expected <annotation>{hint}")
    return root


def _image(root: ElementTree.Element, file: Path, finder: PictureFinder) -> FileImage:
    """Find the image by ``filename``, or by the name of the XML file where that leads nowhere."""
    name = (root.findtext("filename") or "").strip()
    if not name:
        return finder.find_stem(Path(file.stem))
    try:
        found = finder.find(name)
    except MissingImageError as missing:
        try:
            return finder.find_stem(Path(file.stem))
        except MissingImageError:
            raise missing from None
    if not isinstance(found, FileImage):
        raise DataError("its filename is data, no name")
    return found


def _size(root: ElementTree.Element) -> Size | None:
    texts = [root.findtext(f"size/{side}") for side in ("width", "height")]
    if not all(texts):
        return None
    try:
        width, height = (int(float(text or "")) for text in texts)
    except (ValueError, OverflowError) as error:
        raise DataError(f"its size is {'x'.join(map(shortened, texts))}; expected two numbers") from error
    return (width, height) if width and height else None  # some tools write zeros where they do not know


def _numbers(element: ElementTree.Element) -> Numbers:
    texts = [element.findtext(f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
    try:
        first, second, third, fourth = (float(text or "") for text in texts)
    except ValueError as error:
        found = ", ".join(shortened(text) for text in texts)
        raise DataError(f"bndbox needs the numbers xmin, ymin, xmax and ymax; got {found}") from error
    return first, second, third, fourth
