"""Whether a command can write where ``--out`` says, found out before it reads or starts anything."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from results.sweep_file import SWEEP_FILE
from search.errors import FolderError


def check_folder(folder: Path) -> None:
    """See that a folder is there or can be made, and takes files.

    The nearest folder above that exists is tried by a folder of another name, which is removed at once: rights say
    little, since a superuser has all of them and a file system such as ``/proc`` has its own mind.

    Raises:
        FolderError: If a file is in the way, or nothing can be made there.

    """
    _check(folder, folder)


def check_file(path: Path) -> None:
    """See that a file can be written, new or in place of another.

    Raises:
        FolderError: If it is a folder, a file is in the way of its folder, or nothing can be made there.

    """
    if os.path.isdir(path):  # noqa: PTH112 - pathlib's fails for a name that is too long
        raise FolderError(f"{path} is a folder; expected a file, such as {path / 'NAME'}, by --out")
    check_beside(path)


def check_beside(path: Path) -> None:
    """See that what appears under a name can be made in the folder of that name.

    Raises:
        FolderError: If a file is in the way of that folder, or nothing can be made there.

    """
    _check(path.absolute().parent, path)


def check_new(folder: Path) -> None:
    """See that a folder can hold a new sweep.

    Raises:
        FolderError: If it holds one already, or can't be written.

    """
    if os.path.lexists(folder / SWEEP_FILE):
        raise FolderError(f"{folder} holds a sweep already; go on with it by 'paretune resume {folder}'")
    check_folder(folder)


def _check(folder: Path, shown: Path) -> None:
    absolute = folder.absolute()
    there = next(each for each in (absolute, *absolute.parents) if os.path.lexists(each))
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            shown.lstat()  # names that are too long
        if there.is_dir():
            with tempfile.TemporaryDirectory(prefix=".paretune-", dir=there):
                return
        what = f"{there} is a file" if there.exists() else f"{there} is a link to nothing"
        found = f"{what}; expected a folder"
    except OSError as error:
        found = f"nothing can be made in {there}: {error.strerror or error}"
    raise FolderError(f"{shown} can't be written: {found}. Choose another folder by --out")
