"""Images from files and from bytes in a row: upright, RGB, or refused with a reason."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import IO, ClassVar

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from spaces.trial import DrawnOn
from trainable.boxes import Box, Size, upright_box
from trainable.errors import DataError

_MOST_ELONGATED = 200
"""Qwen2-VL's processor refuses sides of a larger ratio."""

_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    struct.error,
)
"""What Pillow raises on a file that is damaged or is no image: its decoders go wherever the bytes lead."""

_FAULTS = (*_DAMAGE, Image.DecompressionBombError)
"""The same, and what it raises on one that would not fit in memory."""

_ORIENTATION = 0x0112
_UPRIGHT = 1
_TURNED = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""

_TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image of an EXIF orientation upright."""

_HEAD_BYTES = 4096


@dataclass(frozen=True)
class Header:
    """What an image says about itself before it is decoded.

    Attributes:
        stored: Width and height in pixels, as stored.
        orientation: EXIF's, 1 to 8; 1 where the file says nothing or something else.

    """

    stored: Size
    orientation: int

    @property
    def upright(self) -> Size:
        """Width and height in pixels, as the image is seen."""
        width, height = self.stored
        return (height, width) if self.orientation in _TURNED else (width, height)

    def drawn(self, on: DrawnOn) -> Size:
        """Give width and height of what boxes were drawn on."""
        return self.stored if on == "stored" else self.upright

    def upright_box(self, box: Box, on: DrawnOn) -> Box:
        """Turn a box into the frame of the upright image, in pixels."""
        return upright_box(box, self.stored, self.orientation) if on == "stored" else box


@dataclass(frozen=True)
class FileImage:
    """An image file; its resolved path names it.

    Attributes:
        path: Resolved.
        label: Its path as the data set writes it, the same wherever the data set lies.

    """

    path: Path
    label: str = ""

    @property
    def key(self) -> str:
        """The resolved path."""
        return str(self.path)

    @property
    def name(self) -> str:
        """What messages call it: the path."""
        return str(self.path)

    @property
    def file(self) -> Path:
        """What Pillow opens."""
        return self.path

    @cached_property
    def header(self) -> Header:
        """Sizes and orientation, read once.

        Raises:
            DataError: If the file is no image.

        """
        return read_header(self.path)

    @property
    def size(self) -> Size:
        """Width and height in pixels, upright."""
        return self.header.upright

    @property
    def byte_count(self) -> int:
        """Size of the file in bytes."""
        return self.path.stat().st_size

    def digest(self, first: int | None = None) -> str:
        """Give the SHA-256 of the file, or of its first bytes, in hexadecimal."""
        with self.path.open("rb") as file:
            if first is not None:
                return hashlib.sha256(file.read(first)).hexdigest()
            return hashlib.file_digest(file, "sha256").hexdigest()

    def load(self) -> Image.Image:
        """Open the image; see ``open_image``.

        Raises:
            DataError: If it can't be used.

        """
        return open_image(self.file, name=self.name)


@dataclass(frozen=True)
class BytesImage:
    """An image that a row holds itself; a hash of its bytes names it."""

    data: bytes = field(repr=False)
    key: str
    name: ClassVar[str] = "the image in the row"

    @classmethod
    def of(cls, data: bytes) -> BytesImage:
        """Name bytes by their hash."""
        return cls(data, f"sha256:{hashlib.sha256(data).hexdigest()}")

    @property
    def label(self) -> str:
        """The hash: it has no other name."""
        return self.key

    @property
    def file(self) -> IO[bytes]:
        """What Pillow opens, at its start."""
        return io.BytesIO(self.data)

    @cached_property
    def header(self) -> Header:
        """Sizes and orientation, read once.

        Raises:
            DataError: If the bytes are no image.

        """
        return read_header(self.file, name=self.name)

    @property
    def size(self) -> Size:
        """Width and height in pixels, upright."""
        return self.header.upright

    @property
    def byte_count(self) -> int:
        """Number of bytes."""
        return len(self.data)

    def digest(self, first: int | None = None) -> str:
        """Give the SHA-256 of the bytes, or of the first of them, in hexadecimal."""
        return hashlib.sha256(self.data[:first]).hexdigest()

    def load(self) -> Image.Image:
        """Open the image; see ``open_image``.

        Raises:
            DataError: If it can't be used.

        """
        return open_image(self.file, name=self.name)


def open_image(file: Path | IO[bytes], *, name: str) -> Image.Image:
    """Open an image upright, its transparent parts on white, as RGB; of an animation the first frame.

    Args:
        file: A path or an open file.
        name: Begins the message of an error.

    Raises:
        DataError: If it is no readable image, is cut off, has no pixels, is too elongated, or has more than 8 bits in a
            grey channel (its brightness would be clipped without a word).

    """
    try:
        with Image.open(file) as opened:
            _check_header(opened, name)
            image = _as_rgb(_upright(opened))
            _check_frames(opened)
    except _FAULTS as error:
        raise _refusal(error, file, name) from error
    return image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        alpha = image.convert("RGBA")
        white = Image.new("RGBA", alpha.size, "white")
        return Image.alpha_composite(white, alpha).convert("RGB")
    return image.convert("RGB")


def _upright(opened: Image.Image) -> Image.Image:
    """Turn an image; ``ImageOps.exif_transpose`` would write its EXIF anew, and fail where other parts are damaged."""
    opened.load()  # turns a TIFF, whose orientation is gone then
    turn = _TURNS.get(opened.getexif().get(_ORIENTATION, _UPRIGHT))
    return opened if turn is None else opened.transpose(turn)


def image_fault(image: FileImage | BytesImage) -> str | None:
    """Say why an image could not be opened, or give ``None``; faster than opening it, where its format allows."""
    try:
        with Image.open(image.file) as opened:
            _check_header(opened, image.name)
            opened.draft("RGB", (1, 1))  # a JPEG is then decoded at an eighth of its size, to its end all the same
            opened.load()
            _check_frames(opened)
    except _FAULTS as error:
        return str(_refusal(error, image.file, image.name))
    return None


def _check_header(opened: Image.Image, name: str) -> None:
    if opened.mode.startswith(("I", "F")):
        raise DataError(f"{name} has 16 or 32 bits a channel; convert it to 8 bits")
    _check_sides(*opened.size, name)


def _check_frames(opened: Image.Image) -> None:
    """Refuse a GIF whose later frames enlarge it beyond the limit of pixels; they may be damaged otherwise.

    Args:
        opened: With its first frame loaded; a GIF is left at its last, and perhaps at another size.

    Raises:
        DecompressionBombError: If a frame does.

    """
    if opened.format != "GIF":
        return
    with suppress(*_DAMAGE):  # EOFError after the last
        for frame in count(1):
            opened.seek(frame)


def _check_sides(width: int, height: int, name: str) -> None:
    if min(width, height) <= 0 or max(width, height) > _MOST_ELONGATED * min(width, height):
        raise DataError(f"{name} has {width}x{height} pixels; at most 200 to 1 is possible")


def read_header(file: Path | IO[bytes], *, name: str | None = None) -> Header:
    """Read size and orientation of an image without decoding it.

    Args:
        file: A path or an open file.
        name: Begins the message of an error; the path if absent.

    Raises:
        DataError: If the file is no image, has no pixels or is too elongated.

    """
    try:
        with Image.open(file) as opened:
            width, height = opened.size
            if isinstance(opened, TiffImagePlugin.TiffImageFile):  # its size is turned already in some versions
                width, height = opened.tag_v2[256], opened.tag_v2[257]
            orientation = opened.getexif().get(_ORIENTATION, _UPRIGHT)
            _check_sides(width, height, name or str(file))
    except _FAULTS as error:
        raise _refusal(error, file, name or str(file)) from error
    return Header((width, height), orientation if orientation in range(1, 9) else _UPRIGHT)


def size_of(file: Path) -> Size:
    """Give width and height of an image file as it is seen upright, without decoding it.

    Raises:
        DataError: If the file is no image.

    """
    return read_header(file).upright


def _refusal(error: BaseException, file: Path | IO[bytes], name: str) -> DataError:
    """Turn what Pillow raised into a reason, with what the bytes look like."""
    if isinstance(error, DataError):
        return error
    try:
        head = file.read_bytes()[:_HEAD_BYTES] if isinstance(file, Path) else _first_bytes(file)
    except (OSError, ValueError):
        head = b"?"
    hint = _hint(head)
    if isinstance(error, UnidentifiedImageError):  # says no more than the path, or the address of an object
        return DataError(f"{name} is no readable image: {hint.removeprefix('; ') or 'it is of no known format'}")
    reason = str(error).replace(str(file), file.name if isinstance(file, Path) else "it") or type(error).__name__
    return DataError(f"{name} is no readable image: {reason}{hint}")


def _first_bytes(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(_HEAD_BYTES)


_SIGNS: Mapping[str, bytes] = {
    "; it is a Git LFS pointer, fetch it by `git lfs pull`": b"version https://git-lfs",
    "; it is an SVG drawing, convert it to PNG": b"<svg",
    "; it is an HTML page, as a failed download leaves it": b"<html",
    "; it is a PDF document, convert its pages to PNG": b"%PDF-",
}


def _hint(head: bytes) -> str:
    if not head:
        return "; the file is empty"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return "; it is HEIF, convert it to JPEG or PNG"
    start = head.lstrip().lower()[:200]
    return next((hint for hint, sign in _SIGNS.items() if sign.lower() in start), "")
