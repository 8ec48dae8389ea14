"""Images from files: upright, RGB, or refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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

    def load(self) -> Image.Image:
        """Open the image upright, its transparent parts on white, as RGB.

        Raises:
            DataError: If the file is no readable image, is cut off, has no pixels, is too elongated, or has more than
                8 bits in a grey channel (its brightness would be clipped without a word).

        """
        try:
            with Image.open(self.path) as opened:
                if opened.mode.startswith(("I", "F")):
                    raise DataError(f"{self.path} has 16 or 32 bits a channel; convert it to 8 bits")
                upright = ImageOps.exif_transpose(opened)
                upright.load()
        except _FAULTS as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.path} is no readable image: {error}") from error
        if min(upright.size) == 0 or max(upright.size) > _MOST_ELONGATED * min(upright.size):
            raise DataError(f"{self.path} has {upright.width}x{upright.height} pixels; at most 200 to 1 is possible")
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            alpha = upright.convert("RGBA")
            white = Image.new("RGBA", alpha.size, "white")
            return Image.alpha_composite(white, alpha).convert("RGB")
        return upright.convert("RGB")


def size_of(path: Path) -> tuple[int, int]:
    """Give width and height of an image as it is seen upright, without decoding it.

    Raises:
        DataError: If the file is no image.

    """
    try:
        with Image.open(path) as opened:
            width, height = opened.size
            if isinstance(opened, TiffImagePlugin.TiffImageFile):  # its size is turned already in some versions
                width, height = opened.tag_v2[256], opened.tag_v2[257]
            turned = opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (height, width) if turned else (width, height)
    except _FAULTS as error:
        raise DataError(f"{path} is no readable image: {error}") from error
