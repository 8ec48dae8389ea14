"""The part of a table that still grows: written again with every append, though little of it is made anew."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from results.errors import ResultsError
from results.parts import list_parts, part_number, part_path
from results.schema import TableName
from results.sweep_file import TEMPORARY_SUFFIX, sync_folder, write_whole

_log = logging.getLogger(__name__)

_MAGIC = b"PAR1"
_LARGEST_JOINED = 2**16
"""Row groups of more bytes stay as they are; to write them again would cost more than their place in the footer."""

_LONGEST_PLAIN = 2**12
"""Rows of more bytes are compressed."""


@dataclass(frozen=True)
class _RowGroup:
    """A row group where it lies in its part.

    Attributes:
        rows: Its rows.
        level: How many times it was joined with an earlier one.
        size: Its bytes.
        metadata: Of a file that holds it alone, at the same place.

    """

    rows: pa.Table
    level: int
    size: int
    metadata: pq.FileMetaData


class OpenPart:
    """Appends to the newest part of a table, and begins the next one when that is full.

    Every append puts a file with the new rows in place of the former, whole and durable. Replacing a file under a
    reader is only safe because the bytes of rows that were written stay where they are. DuckDB opens a file twice,
    once for its footer and again for its rows, and an old footer must find the old rows in the new file. So the file
    grows at its end alone: new rows are a row group behind the earlier ones, and a new footer follows.

    One row group for each row makes a footer as long as the rows, or longer. So an append takes earlier row groups into
    its own, as a binary counter carries: two of one row become one of two, two of two one of four. They are left out of
    the new footer, and their bytes stay for those who read by an old one. A part of n appends has at most log2(n) + 1
    row groups, and each append encodes one.

    Args:
        folder: Of the sweep.
        table: Its folder is made if it is missing.
        bytes_per_part: Bytes of rows after which a part is full.

    Raises:
        ResultsError: If a file in the table's folder has no name of a part.

    """

    def __init__(self, folder: Path, table: TableName, *, bytes_per_part: int) -> None:
        self._folder = folder
        self._table: TableName = table
        self._bytes_per_part = bytes_per_part
        (folder / table).mkdir(parents=True, exist_ok=True)
        sync_folder(folder)
        for leftover in (folder / table).glob(f".*{TEMPORARY_SUFFIX}"):
            _log.info("removing what a killed writer left: %s", leftover)
            leftover.unlink(missing_ok=True)
        parts = list_parts(folder, table)
        self._number = part_number(parts[-1]) + 1 if parts else 0
        self._schema: pa.Schema | None = None
        self._begin_part()

    def append(self, rows: pa.Table) -> None:
        """Add rows; they are durable on return.

        Args:
            rows: With the metadata of the part in their schema. Another schema than that of the rows before begins a
                new part.

        Raises:
            ResultsError: If another process writes this table.
            OSError: If the part can't be written; nothing has changed then.

        """
        is_full = len(self._bytes) >= self._bytes_per_part
        if self._is_begun and (is_full or self._schema != rows.schema):
            self._number += 1
            self._begin_part()
        path = part_path(self._folder, self._table, number=self._number)
        if not self._is_begun and path.exists():
            raise ResultsError(f"{path} exists already: another process writes this sweep; stop one of the two")
        if self._schema is None or not self._schema.equals(rows.schema, check_metadata=True):
            self._schema, self._empty = rows.schema, _empty_file(rows.schema)
        content, groups = self._grown(rows.replace_schema_metadata(None))
        footer = _footer(self._empty, groups)

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                file.write(content)
                file.write(footer)

        write_whole(path, write)
        self._bytes, self._groups, self._is_begun = content, groups, True

    def _begin_part(self) -> None:
        self._bytes, self._groups, self._is_begun = _MAGIC, list[_RowGroup](), False

    def _grown(self, rows: pa.Table) -> tuple[bytes, list[_RowGroup]]:
        """Give the part's bytes and row groups with further rows; joined row groups are in the bytes, too."""
        groups, level = list(self._groups), 0
        tables = [rows]
        while groups and groups[-1].level == level and groups[-1].size <= _LARGEST_JOINED:
            tables.insert(0, groups.pop().rows)
            level += 1
        joined = pa.concat_tables(tables).combine_chunks()
        encoded, metadata = _row_group(joined, behind=len(self._bytes))
        return self._bytes + encoded, [*groups, _RowGroup(joined, level, len(encoded), metadata)]


def _row_group(rows: pa.Table, *, behind: int) -> tuple[bytes, pq.FileMetaData]:
    """Encode rows as a row group whose places count from the start of a file in which it stands behind some bytes."""
    sink, found = pa.BufferOutputStream(), list[pq.FileMetaData]()
    with pq.ParquetWriter(
        sink,
        rows.schema,
        compression="snappy" if rows.nbytes > _LONGEST_PLAIN else "none",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        metadata_collector=found,
    ) as parquet:
        sink.write(bytes(behind - len(_MAGIC)))  # pyarrow refuses to begin a file behind its start
        parquet.write_table(rows, row_group_size=max(rows.num_rows, 1))
    file = memoryview(sink.getvalue())
    length = int.from_bytes(file[-len(_MAGIC) - 4 : -len(_MAGIC)], "little")
    return bytes(file[behind : -len(_MAGIC) - 4 - length]), found[0]


def _empty_file(schema: pa.Schema) -> pa.Buffer:
    """Give a file without rows, with a schema's metadata.

    Arrow's own copy of the schema, which would be more than half of a footer, is left out: Parquet's gives the same.
    """
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, store_schema=False) as parquet:
        parquet.add_key_value_metadata(schema.metadata or {})
    return sink.getvalue()


def _footer(empty: pa.Buffer, groups: Sequence[_RowGroup]) -> bytes:
    """Give all that follows the row groups in a file."""
    whole, sink = pq.read_metadata(pa.BufferReader(empty)), pa.BufferOutputStream()
    for group in groups:
        whole.append_row_groups(group.metadata)
    whole.write_metadata_file(sink)
    return bytes(memoryview(sink.getvalue())[len(_MAGIC) :])
