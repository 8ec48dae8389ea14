"""The images that a row names: paths below a folder, data URIs, bytes, and URLs where they are allowed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from itertools import islice
from pathlib import Path, PureWindowsPath
from reprlib import repr as shortened
from typing import Any
from unicodedata import normalize

from trainable.data.files import text_fault
from trainable.data.images import BytesImage, FileImage, read_header
from trainable.errors import DataError, MissingImageError
from trainable.user_cache import cache_folder, whole_file

Picture = FileImage | BytesImage

_DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://")
_LONGEST_PATH = 1000
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif")
_IMAGES = "images"
"""Their folder in the user's cache."""
_ENDING = re.compile(r"\.[a-z]{2,5}\d?")
_SEPARATORS = re.compile(r"[\s_.-]+")
_LISTED, _MOST_FOLDERS = 1000, 50
"""How many entries of a folder of images are looked at for folders, and how many of these for a missing image."""
_FETCH_S = 30
_MOST_BYTES = 100 * 2**20
_IN_MEMORY_BYTES = 256 * 2**20
"""Images inside rows beyond this are kept as files in the cache."""


class PictureFinder:
    """Finds images by what rows give for them; those of one short name are looked up once.

    Args:
        folder: Where paths start, and what they may not leave.
        fetches_urls: Whether images that are URLs are fetched, each once, into the user's cache.

    """

    def __init__(self, folder: Path, *, fetches_urls: bool = False) -> None:
        self._folder, self._fetches_urls = folder, fetches_urls
        self._known: dict[str, Picture] = {}
        self._beside: dict[Path, Mapping[str, Sequence[Path]]] = {}
        self._by_stem: dict[Path, Mapping[str, str]] = {}
        self._folders: Sequence[Path] | None = None
        self._bytes = 0

    def find(self, value: Any) -> Picture:
        """Find an image and read its size; what a row gives is never echoed at length.

        Raises:
            DataError: If it is no image, lies outside the folder, or is a URL that may not be fetched.
            MissingImageError: If there is no such file.

        """
        if isinstance(value, str) and value in self._known:
            return self._known[value]
        picture = self._found(value)
        _ = picture.size  # a file that is no image is refused here, with its row
        if isinstance(value, str) and len(value) <= _LONGEST_PATH:
            self._known[value] = picture
        return picture

    def find_stem(self, stem: Path) -> FileImage:
        """Find the image file of a name without its ending, by the first ending that there is, in either case.

        Args:
            stem: Below the folder.

        Raises:
            DataError: If it can't be used.
            MissingImageError: If there is no such file.

        """
        folder = (self._folder / stem).parent
        if folder not in self._by_stem:
            self._by_stem[folder] = dict(_image_names(folder))
        name = self._by_stem[folder].get(stem.name)
        if name is None:
            raise MissingImageError(
                f"there is no image {ascii(str(stem))[1:-1][:100]}.jpg, .png, … in {self._folder}",
                path=str(self._folder / f"{stem}.jpg"),
            )
        found = self.find(str(stem.with_name(name)))
        if not isinstance(found, FileImage):
            raise DataError("the image must be a file")
        return found

    def _found(self, value: Any) -> Picture:
        if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
            return self._kept(value["bytes"])
        if isinstance(value, bytes):
            return self._kept(value)
        if isinstance(value, dict) and isinstance(value.get("path"), str):
            value = value["path"]
        if not isinstance(value, str) or not value:
            raise DataError(f"an image must be a path, a data URI or bytes; got {shortened(value)}")
        if match := _DATA_URI.match(value):
            try:
                return self._kept(base64.b64decode(value[match.end() :], validate=True))
            except (binascii.Error, ValueError) as error:
                raise DataError(f"the image's base64 can't be decoded: {error}") from error
        if value.startswith("file://"):
            value = value.removeprefix("file://")
        if _URL.match(value):
            return self._fetched(value)
        if len(value) > _LONGEST_PATH:
            raise DataError(
                f"an image of {len(value)} characters is no path; base64 needs data:image/…;base64, before it"
            )
        return self._file(value)

    def _kept(self, data: bytes) -> Picture:
        """Keep an image of a row in memory, or as a file once there are many."""
        image = BytesImage.of(data)
        self._bytes += len(data)
        if self._bytes <= _IN_MEMORY_BYTES:
            return image
        return FileImage(_cached(image.digest(), data), label=image.label)

    def _fetched(self, url: str) -> Picture:
        if not self._fetches_urls:
            raise DataError(
                f"the image {url[:100]} is a URL; download it and give its path, or set image_urls: true to fetch it"
            )
        if not url.lower().startswith(("http://", "https://")):
            raise DataError(f"the image {url[:100]} can't be fetched; expected http:// or https://")
        return FileImage(fetched_file(url), label=url)

    def _file(self, name: str) -> FileImage:
        if "\\" in name:
            if PureWindowsPath(name).drive:
                raise DataError(
                    f"the image {name[:100]!a} lies on a drive of Windows; give a path below {self._folder}"
                )
            name = name.replace("\\", "/")
        root = Path(os.path.abspath(self._folder))  # noqa: PTH100 - a link in the folder may lead out of it, a name may not
        try:
            path = Path(os.path.normpath(root / name))
            exists, resolved = path.is_file(), path.resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a null character, too long, or links in a circle
            raise DataError(f"the image {name[:100]!a} is no path") from error
        if text_fault(str(path)):
            raise DataError(f"the image {name[:100]!a} has a name that is not UTF-8; rename it")
        if not path.is_relative_to(root):
            raise DataError(f"the image {name[:100]!a} lies outside {root}; set image_folder to a folder that holds it")
        if not exists:
            hint = self._near(path, root) if root.is_dir() else ", which does not exist itself"
            raise MissingImageError(f"the image {name[:100]!a} does not exist in {self._folder}{hint}", path=str(path))
        return FileImage(resolved, label=str(path.relative_to(root)))

    def _near(self, path: Path, root: Path) -> str:
        """Name the file that a missing one can only be: of the same name but for case, ending, separators or folder.

        Names that differ in letters or digits are those of other images, as in a numbered series.
        """
        alike = self._alike(path.parent, path.name)
        if not alike:
            alike = [found for folder in self._places(root) for found in self._alike(folder, path.name)]
        same = [found for found in alike if _composed(found.name) == _composed(path.name)]
        likely = same if len(same) == 1 else alike
        return f"; did you mean {str(likely[0].relative_to(root))!a}?" if len(likely) == 1 else ""

    def _places(self, root: Path) -> Sequence[Path]:
        """Give the folder of images and the folders in it; of a large one, some."""
        if self._folders is None:
            below = (root / name for name in islice(_names_in(root), _LISTED))
            self._folders = (root, *sorted(path for path in below if path.is_dir())[:_MOST_FOLDERS])
        return self._folders

    def _alike(self, folder: Path, name: str) -> Sequence[Path]:
        if folder not in self._beside:
            found: dict[str, list[Path]] = {}
            for one in _names_in(folder):
                found.setdefault(_skeleton(one), []).append(folder / one)
            self._beside[folder] = found
        return self._beside[folder].get(_skeleton(name), ())


def _composed(name: str) -> str:
    return normalize("NFC", name).casefold()


def _skeleton(name: str) -> str:
    """Give what is left of a name without letter case, ending, and the kind of its separators."""
    path = Path(_composed(name))
    stem = path.stem if _ENDING.fullmatch(path.suffix) else path.name
    return _SEPARATORS.sub("-", stem)


def fetched_file(url: str) -> Path:
    """Give the file that a URL was fetched to, fetching it if it is not there yet.

    It lies in ``paretune/images`` below ``$XDG_CACHE_HOME`` or ``~/.cache``, by the hash of the URL. What is no image
    is not kept: a page that says why there is none may be gone the next time.

    Raises:
        DataError: If it can't be fetched in time, is larger than 100 MiB, or is no image.

    """
    try:
        name = hashlib.sha256(url.encode()).hexdigest()
        path = cache_folder(_IMAGES) / name
        if path.exists():
            return path
        with urllib.request.urlopen(url, timeout=_FETCH_S) as answer:
            data = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError, HTTPException) as error:
        raise DataError(f"the image {url[:100]!a} can't be fetched: {error}") from error
    if len(data) > _MOST_BYTES:
        raise DataError(f"the image {url[:100]} is larger than {_MOST_BYTES} bytes")
    read_header(io.BytesIO(data), name=f"the image {url[:100]}")
    return _cached(name, data)


def _cached(name: str, data: bytes) -> Path:
    """Write a file of the cache, whole or not at all."""
    folder = cache_folder(_IMAGES)
    path = folder / name
    if path.exists():
        return path
    try:
        with whole_file(path) as part:
            part.write_bytes(data)
    except OSError as error:
        raise DataError(f"{folder} can't keep images: {error.strerror}; set XDG_CACHE_HOME to another place") from error
    return path


def _image_names(folder: Path) -> Iterator[tuple[str, str]]:
    """Give stem and name of every image of a folder; the one to take for a stem comes last."""
    found = [(Path(name), name) for name in sorted(_names_in(folder), reverse=True)]
    for suffix in reversed(IMAGE_SUFFIXES):
        yield from ((path.stem, name) for path, name in found if path.suffix.lower() == suffix)


def _names_in(folder: Path) -> list[str]:
    try:
        return [one.name for one in folder.iterdir()]
    except OSError:
        return []
