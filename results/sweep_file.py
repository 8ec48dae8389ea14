"""``sweep.json``: what a sweep is, so that its folder can be read before any trial has ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from results.errors import ResultsError
from results.schema import COLUMNS_KEY, SCHEMA_VERSION, VERSION_KEY, RecordColumns, check_version

SWEEP_FILE = "sweep.json"
TEMPORARY_SUFFIX = ".tmp"
_METADATA_KEY = "metadata"


@dataclass(frozen=True)
class SweepFile:
    """The content of ``sweep.json``.

    Attributes:
        columns: The sweep's columns.
        metadata: The sweep's spec as JSON, and its lineage: versions, git SHA, data hash, machine.

    """

    columns: RecordColumns
    metadata: Mapping[str, str]


def write_sweep_json(folder: Path, columns: RecordColumns, *, metadata: Mapping[str, str]) -> Path:
    """Write ``sweep.json`` whole into a sweep's folder, which is made if it is missing.

    Returns:
        The file's path.

    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        VERSION_KEY: SCHEMA_VERSION,
        COLUMNS_KEY: json.loads(columns.to_json()),
        _METADATA_KEY: dict(metadata),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    path = folder / SWEEP_FILE
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def read_sweep_json(folder: Path) -> SweepFile:
    """Read ``sweep.json``.

    Raises:
        ResultsError: If the folder is no sweep, the file is damaged, or a newer paretune wrote it.

    """
    path = folder / SWEEP_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ResultsError(f"{folder} is no sweep: it has no {SWEEP_FILE}; give the folder of a sweep") from error
    except ValueError as error:
        raise ResultsError(f"{path} is no JSON: {error}; restore it from a copy") from error
    if not isinstance(content, dict):
        raise ResultsError(f"{path} must hold one JSON object; got {type(content).__name__}; restore it from a copy")
    check_version(content.get(VERSION_KEY), str(path))
    metadata = content.get(_METADATA_KEY, {})
    if not isinstance(metadata, dict):
        raise ResultsError(f"{path} must have an object under {_METADATA_KEY}; got {type(metadata).__name__}")
    try:
        columns = RecordColumns.from_json(json.dumps(content.get(COLUMNS_KEY)))
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from error
    return SweepFile(columns=columns, metadata={key: str(value) for key, value in metadata.items()})


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let a file appear whole and durably, in place of an earlier one of the same name.

    Readers see the earlier file or the new one, and nothing between. The temporary file is hidden, stands beside
    the target and never matches ``*.parquet``.

    Args:
        path: Where the file appears.
        write: Writes the content to the path it is given.

    """
    temporary = path.with_name(f".{path.stem}{TEMPORARY_SUFFIX}")
    write(temporary)
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(temporary, path)  # noqa: PTH105 - the name says that the target is replaced
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
