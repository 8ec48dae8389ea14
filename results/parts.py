"""The part files of a table: their names, and what the metadata of each declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from results.errors import ResultsError
from results.schema import COLUMNS_KEY, METADATA_PREFIX, VERSION_KEY, RecordColumns, TableName, check_version

_PART_NAME = re.compile(r"part-(\d+)\.parquet")


def part_path(folder: Path, table: TableName, *, number: int) -> Path:
    """Give the path of a table's part by its number."""
    return folder / table / f"part-{number:05d}.parquet"


def part_number(part: Path) -> int:
    """Give the number in a part's name.

    Raises:
        ResultsError: If the name is not that of a part.

    """
    if match := _PART_NAME.fullmatch(part.name):
        return int(match[1])
    raise ResultsError(f"a part is named part-NUMBER.parquet; got {part}")


def list_parts(folder: Path, table: TableName) -> list[Path]:
    """List a table's parts, oldest first; none if the table's folder is missing."""
    parts = [path for path in (folder / table).glob("part-*.parquet") if _PART_NAME.fullmatch(path.name)]
    return sorted(parts, key=part_number)


def read_part(part: Path) -> tuple[pa.Table, RecordColumns]:
    """Read a part's rows and the columns that it declares.

    Raises:
        ResultsError: If the file is damaged, or was not written by paretune, or by a newer one.

    """
    try:
        with pq.ParquetFile(part) as opened:  # one open file, so that metadata and rows belong together
            table = opened.read()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(part, error) from error
    return table, _declared(part, table.schema.metadata)


def read_declaration(part: Path) -> RecordColumns:
    """Read the columns that a part declares.

    Raises:
        ResultsError: If the file is damaged, or was not written by paretune, or by a newer one.

    """
    try:
        metadata = pq.read_schema(part).metadata
    except (pa.ArrowException, OSError) as error:
        raise _damaged(part, error) from error
    return _declared(part, metadata)


def _declared(part: Path, metadata: Mapping[bytes, bytes] | None) -> RecordColumns:
    texts = {key.decode(): value.decode() for key, value in (metadata or {}).items()}
    version = texts.get(METADATA_PREFIX + VERSION_KEY)
    if version is None:
        raise ResultsError(f"{part} was not written by paretune; move it out of the sweep's folder")
    check_version(version, str(part))
    return RecordColumns.from_json(texts.get(METADATA_PREFIX + COLUMNS_KEY, ""))


def _damaged(part: Path, error: Exception) -> ResultsError:
    return ResultsError(f"{part} is damaged: {error}; restore it, or move it away to go on with the rest")
