"""Small file systems that fill up, turn read-only or vanish."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mount(*words: str | Path) -> None:
    """Call ``mount``; skip the test where that is not allowed.

    Raises:
        subprocess.CalledProcessError: If mounting is allowed and failed.

    """
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode and (os.geteuid() or "permission denied" in done.stderr):
        pytest.skip(f"file systems can't be mounted here: {done.stderr.strip()}")
    done.check_returncode()


@contextmanager
def small_disk(folder: Path, *, size_kib: int) -> Iterator[Path]:
    """Mount a disk of so many KiB on a folder that is made."""
    folder.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", folder)
    try:
        yield folder
    finally:
        unmount(folder)


def remount(folder: Path, options: str) -> None:
    """Change the options of a mounted disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def unmount(folder: Path) -> None:
    """Take a disk away, even while files on it are open."""
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Write a file until a disk has no more than so many bytes left; gives the file."""
    path = folder / "filler"
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - leave))
    return path
