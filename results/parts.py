"""The part files of a table: their names, and what the metadata of each declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
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
    return _read(part, lambda opened: opened.read())


def read_part_of(
    part: Path, *, columns: Collection[str] | None, trials: Collection[int] | None
) -> tuple[pa.Table, RecordColumns]:
    """Read some columns of a part, and of these the rows of some trials; other row groups are not touched.

    Args:
        part: Of a table whose rows name a trial.
        columns: To read, all if absent; the part may lack some.
        trials: Numbers of trials; all if absent.

    Raises:
        ResultsError: If the file is damaged, or was not written by paretune, or by a newer one.

    """

    def read(opened: pq.ParquetFile) -> pa.Table:
        found = [name for name in opened.schema_arrow.names if columns is None or name in columns]
        if trials is None:
            return opened.read(columns=found)
        kept: list[pa.Table] = []
        for group in range(opened.num_row_groups):
            mask = np.isin(opened.read_row_group(group, columns=["trial"])["trial"].to_numpy(), list(trials))
            if mask.any():
                kept.append(opened.read_row_group(group, columns=found).filter(pa.array(mask)))
        return pa.concat_tables([opened.schema_arrow.empty_table().select(found), *kept])

    return _read(part, read)


def read_last_group(part: Path) -> pa.Table:
    """Read what was added last to a part.

    Raises:
        ResultsError: If the file is damaged, or was not written by paretune, or by a newer one.

    """
    return _read(part, lambda opened: opened.read_row_group(opened.num_row_groups - 1))[0]


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


def _read(part: Path, read: Callable[[pq.ParquetFile], pa.Table]) -> tuple[pa.Table, RecordColumns]:
    try:
        with pq.ParquetFile(part) as opened:  # one open file, so that metadata and rows belong together
            table, metadata = read(opened), opened.schema_arrow.metadata
    except (pa.ArrowException, OSError) as error:
        raise _damaged(part, error) from error
    return table, _declared(part, metadata)


def _declared(part: Path, metadata: Mapping[bytes, bytes] | None) -> RecordColumns:
    texts = {key.decode(): value.decode() for key, value in (metadata or {}).items()}
    version = texts.get(METADATA_PREFIX + VERSION_KEY)
    if version is None:
        raise ResultsError(f"{part} was not written by paretune; move it out of the sweep's folder")
    check_version(version, str(part))
    return _columns_of(texts.get(METADATA_PREFIX + COLUMNS_KEY, ""))


@lru_cache(maxsize=16)
def _columns_of(text: str) -> RecordColumns:
    """Give what parts declare, nearly all of them the same."""
    return RecordColumns.from_json(text)


def _damaged(part: Path, error: Exception) -> ResultsError:
    return ResultsError(f"{part} is damaged: {error}; restore it, or move it away to go on with the rest")
