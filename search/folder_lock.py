"""One driver for each folder."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

from search.errors import BusyError
from search.storage_fault import StorageGuard

_FILE = ".lock"
_ATTEMPTS, _PAUSE_S = 5, 0.1


Work = Literal["sweep", "confirm"]


@contextmanager
def locked(folder: Path, guard: StorageGuard, *, work: Work = "sweep") -> Iterator[None]:
    """Keep every other driver out of a sweep's folder; the kernel lets go of it when the process ends.

    Args:
        folder: Of the sweep.
        guard: Knows what to say of a folder that can't be written.
        work: What is done there, for ``work_in``.

    Raises:
        BusyError: If another process works in the folder.
        StorageFault: If the lock can't be written.

    """
    with guard:
        file = (folder / _FILE).open("a+")
    with file:
        _take(file, folder)
        with guard:
            file.truncate(0)
            file.write(work)
            file.flush()
        yield


def _take(file: IO[str], folder: Path) -> None:
    """Take the lock; ``work_in`` of another process holds it for a moment, too."""
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if attempt == _ATTEMPTS - 1:
                raise BusyError(f"another process runs the sweep in {folder}; wait for it or stop it") from error
            time.sleep(_PAUSE_S)
        else:
            return


def work_in(folder: Path) -> Work | None:
    """Tell what a driver does in a sweep's folder now, or ``None`` if none works there."""
    if not (folder / _FILE).exists():
        return None
    with (folder / _FILE).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return "confirm" if file.read() == "confirm" else "sweep"
    return None
