"""Checkpoints in a folder that drivers and workers reach under one path."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from typing_extensions import override

from trainable.checkpoints.base import Checkpoints

LOCK_FILE = ".lock"


class FolderCheckpoints(Checkpoints):
    """One file per trial; a lock in the folder lets one process write at a time."""

    def __init__(self, folder: Path, *, budget: int | None) -> None:
        super().__init__(str(folder), budget=budget)
        self._folder = folder

    @override
    def _make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)  # no worker does: it would write below a mount that is gone

    @override
    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._folder / LOCK_FILE).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @override
    def _sizes(self) -> Mapping[str, int]:
        sizes: dict[str, int] = {}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(FileNotFoundError):  # another process has removed it
                sizes[path.name] = path.stat().st_size
        return sizes

    @override
    def _get(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    @override
    def _put(self, name: str, data: bytes) -> None:
        part = self._folder / f".{name}.part"
        try:
            part.write_bytes(data)
            part.replace(self._folder / name)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise

    @override
    def _delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)
