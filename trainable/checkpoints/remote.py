"""Checkpoints in a store that pyarrow knows by its URI, such as S3."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from pyarrow import fs
from typing_extensions import override

from trainable.checkpoints.base import Checkpoints
from trainable.checkpoints.folder import FolderCheckpoints

_OBJECT_STORES = frozenset({"s3", "gcs", "abfs"})
"""Kinds of stores in which an object appears when it is complete; elsewhere a file is written under another name."""


def open_store(uri: str, *, budget: int | None) -> Checkpoints:
    """Open the checkpoints of a URI; credentials come from the environment.

    Raises:
        OSError: If the store can't be reached.
        ValueError: If the URI is of no kind that pyarrow knows.

    """
    filesystem, path = fs.FileSystem.from_uri(uri)
    if filesystem.type_name == "local":
        return FolderCheckpoints(Path(path), budget=budget)
    return RemoteCheckpoints(filesystem, path, place=uri.partition("?")[0], budget=budget)


class RemoteCheckpoints(Checkpoints):
    """One object per trial.

    There is no lock: with a budget, writers that list the objects at the same moment can exceed it together.
    """

    def __init__(self, filesystem: fs.FileSystem, folder: str, *, place: str, budget: int | None) -> None:
        super().__init__(place, budget=budget)
        self._filesystem, self._folder = filesystem, folder

    @override
    def _make(self) -> None:
        if self._filesystem.type_name not in _OBJECT_STORES:
            self._filesystem.create_dir(self._folder, recursive=True)

    @override
    def _sizes(self) -> Mapping[str, int]:
        found = self._filesystem.get_file_info(fs.FileSelector(self._folder, allow_not_found=True))
        return {each.base_name: each.size for each in found if each.type == fs.FileType.File}

    @override
    def _get(self, name: str) -> bytes:
        with self._filesystem.open_input_stream(self._path(name)) as file:
            return file.read()

    @override
    def _put(self, name: str, data: bytes) -> None:
        is_object_store = self._filesystem.type_name in _OBJECT_STORES
        written = name if is_object_store else f".{name}.part"
        with self._filesystem.open_output_stream(self._path(written)) as file:
            file.write(data)
        if written != name:
            self._filesystem.move(self._path(written), self._path(name))

    @override
    def _delete(self, name: str) -> None:
        if self._filesystem.get_file_info(self._path(name)).type == fs.FileType.File:
            self._filesystem.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)
