"""One driver for each folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.errors import BusyError
from search.storage_fault import StorageGuard

_FILE = ".lock"


@contextmanager
def locked(folder: Path, guard: StorageGuard) -> Iterator[None]:
    """Keep every other driver out of a sweep's folder; the kernel lets go of it when the process ends.

    Args:
        folder: Of the sweep.
        guard: Knows what to say of a folder that can't be written.

    Raises:
        BusyError: If another process works in the folder.
        StorageFault: If the lock can't be written.

    """
    with guard:
        file = (folder / _FILE).open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(f"another process runs the sweep in {folder}; wait for it or stop it") from error
        yield


def is_locked(folder: Path) -> bool:
    """Tell whether a driver works in a sweep's folder."""
    if not (folder / _FILE).exists():
        return False
    with (folder / _FILE).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
