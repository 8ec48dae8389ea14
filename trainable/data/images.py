"""Images from files and from bytes in a row: upright, RGB, or refused with a reason."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from PIL import Image, ImageOps, TiffImagePlugin

from trainable.errors import DataError

_MOST_ELONGATED = 200
"""Qwen2-VL's processor refuses sides of a larger ratio."""

_FAULTS = (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError)
"""What Pillow raises on a file that is damaged, is no image or would not fit in memory."""


@dataclass(frozen=True)
class FileImage:
    """An image file; its resolved path names it."""

    path: Path

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

    def load(self) -> Image.Image:
        """Open the image; see ``open_image``.

        Raises:
            DataError: If it can't be used.

        """
        return open_image(self.file, name=self.name)


@dataclass(frozen=True)
class BytesImage:
    """An image that a row holds itself; a hash of its bytes names it."""

    data: bytes
    key: str
    name: ClassVar[str] = "the image in the row"

    @classmethod
    def of(cls, data: bytes) -> BytesImage:
        """Name bytes by their hash."""
        return cls(data, f"sha256:{hashlib.sha256(data).hexdigest()}")

    @property
    def file(self) -> IO[bytes]:
        """What Pillow opens, at its start."""
        return io.BytesIO(self.data)

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
            upright = ImageOps.exif_transpose(opened)
            upright.load()
    except _FAULTS as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name} is no readable image: {error}") from error
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        alpha = upright.convert("RGBA")
        white = Image.new("RGBA", alpha.size, "white")
        return Image.alpha_composite(white, alpha).convert("RGB")
    return upright.convert("RGB")


def image_fault(image: FileImage | BytesImage) -> str | None:
    """Say why an image could not be opened, or give ``None``; faster than opening it, where its format allows."""
    try:
        with Image.open(image.file) as opened:
            _check_header(opened, image.name)
            opened.draft("RGB", (1, 1))  # a JPEG is then decoded at an eighth of its size, to its end all the same
            opened.load()
    except _FAULTS as error:
        return str(error) if isinstance(error, DataError) else f"{image.name} is no readable image: {error}"
    return None


def _check_header(opened: Image.Image, name: str) -> None:
    if opened.mode.startswith(("I", "F")):
        raise DataError(f"{name} has 16 or 32 bits a channel; convert it to 8 bits")
    width, height = opened.size
    if min(width, height) == 0 or max(width, height) > _MOST_ELONGATED * min(width, height):
        raise DataError(f"{name} has {width}x{height} pixels; at most 200 to 1 is possible")


def size_of(file: Path | IO[bytes], *, name: str | None = None) -> tuple[int, int]:
    """Give width and height of an image as it is seen upright, without decoding it.

    Args:
        file: A path or an open file.
        name: Begins the message of an error; the path if absent.

    Raises:
        DataError: If the file is no image.

    """
    try:
        with Image.open(file) as opened:
            width, height = opened.size
            if isinstance(opened, TiffImagePlugin.TiffImageFile):  # its size is turned already in some versions
                width, height = opened.tag_v2[256], opened.tag_v2[257]
            turned = opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (height, width) if turned else (width, height)
    except _FAULTS as error:
        raise DataError(f"{name or file} is no readable image: {error}") from error
