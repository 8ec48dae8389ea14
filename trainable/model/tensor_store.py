"""Tensors that are the same in every trial, on disk, mapped by all workers of a node, within a budget."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cachetools import LRUCache
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spaces.trial import CacheConfig
from trainable.user_cache import cache_folder, whole_file

_log = logging.getLogger(__name__)

Tensors = Mapping[str, Tensor]

_MEMORY_BYTES = 512 * 2**20
"""Of tensors that the disk has no room for."""
_MOST_MAPPED = 8192
"""Files mapped at a time; a process may have some 65,000 mappings."""
_COUNTED_ANEW = 256
"""Files written between two looks at what the folder holds, since other workers write as well."""
_IDLE_S = 24 * 3600.0
"""What another base gave may be removed if nobody opened it for so long."""


class TensorStore:
    """Named tensors by key.

    A file a key, in a folder whose name is a hash of everything that decides on the tensors. Files appear whole, so
    that workers fill the folder side by side, and what an interrupted sweep has computed serves the next one. What the
    disk has no room for is kept in memory, as far as 512 MiB go, and computed again beyond.

    Args:
        identity: Names the folder.
        config: Where all such folders lie, and how much they may take together.

    """

    def __init__(self, identity: str, config: CacheConfig) -> None:
        self._root = Path(config.folder) if config.folder else cache_folder("features")
        self._budget = config.disk
        self._memory: LRUCache[str, Tensors] = LRUCache(_MEMORY_BYTES, getsizeof=_bytes)
        self._mapped: LRUCache[str, Tensors] = LRUCache(_MOST_MAPPED)
        self.folder = self._root / identity
        self._is_full = self._budget == 0
        self._left = self._unseen = 0
        with suppress(OSError):
            os.utime(self.folder)  # in use: others leave it alone

    def get(self, key: str, *, name: Callable[[], str], compute: Callable[[], Tensors]) -> Tensors:
        """Give the tensors of a key.

        Args:
            key: Cheap, of this process.
            name: Gives the hash that the key has on every machine; asked for only if the key is new here.
            compute: Makes the tensors if nobody has yet.

        """
        for memory in (self._mapped, self._memory):
            if (found := memory.get(key)) is not None:
                return found
        path = None
        if self._budget != 0:
            digest = name()
            path = self.folder / digest[:2] / f"{digest}.safetensors"
        found = None if path is None else _read(path)
        if found is None:
            made = compute()
            found = None if path is None else self._write(path, made)
            if found is None:
                with suppress(ValueError):  # larger than all of the memory
                    self._memory[key] = made
                return made
        self._mapped[key] = found
        return found

    def _write(self, path: Path, tensors: Tensors) -> Tensors | None:
        """Put tensors on disk and give them back mapped; ``None`` if there is no room."""
        if self._is_full or not self._has_room(_bytes(tensors)):
            return None
        try:
            with whole_file(path) as part:
                save_file({key: value.contiguous() for key, value in tensors.items()}, part)
            self._left -= path.stat().st_size
        except (OSError, SafetensorError) as error:
            _log.warning("%s takes no more files, what is computed stays in memory: %s", self.folder, error)
            self._is_full = True
            return None
        self._unseen += 1
        return _read(path)

    def _has_room(self, size: int) -> bool:
        if self._budget is None:
            return True
        if self._left < size or self._unseen >= _COUNTED_ANEW:
            self._unseen = 0
            self._left = self._budget - folder_bytes(self._root)
            if self._left < size:
                self._left += _remove_idle(self._root, keep=self.folder)
        if self._left >= size:
            return True
        self._is_full = True
        _log.warning(
            "model.cache.disk (%d bytes) is used up in %s: what more is computed stays in memory, and is computed "
            "again when that is full; raise it",
            self._budget,
            self._root,
        )
        return False


def folder_bytes(folder: Path) -> int:
    """Add up the files of a folder, in bytes; what vanishes meanwhile counts nothing."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(directory) / name).stat().st_size
    return total


def _bytes(tensors: Tensors) -> int:
    return sum(value.nbytes for value in tensors.values())


def _read(path: Path) -> Tensors | None:
    """Map tensors; ``None`` if there are none, or none that can be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError) as error:
        _log.warning("%s is computed anew, it can't be read: %s", path, error)
        return None


def _remove_idle(root: Path, *, keep: Path) -> int:
    """Remove what nobody opened for a day; gives the bytes that this freed."""
    freed = 0
    for folder in root.iterdir() if root.is_dir() else ():
        if folder != keep and time.time() - folder.stat().st_mtime > _IDLE_S:
            size = folder_bytes(folder)
            shutil.rmtree(folder, ignore_errors=True)
            freed += size
            _log.warning("removed %s: %d bytes that were not used for a day", folder, size)
    return freed
