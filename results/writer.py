"""Writes a sweep's record: every row is durable on return, every part appears whole."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import pyarrow as pa

from results.errors import ResultsError
from results.open_part import OpenPart
from results.parts import list_parts, read_declaration, read_last_group
from results.rows import ConfirmationRow, ItemRow, PredictionRow
from results.schema import (
    TABLES,
    DecisionRow,
    RecordColumns,
    ReportRow,
    Row,
    TableName,
    TrialRow,
    file_metadata,
    row_cells,
    table_schema,
)

_log = logging.getLogger(__name__)
BYTES_PER_PART = 2**19
"""A part that holds so many bytes of rows is full."""


class RecordWriter:
    """The one writer of a sweep's tables.

    Each table has one open part. An append puts a longer file in its place under the same name; a full part is never
    touched again. A new writer goes on with a new part.

    Not for several threads or processes at once.

    Args:
        folder: The sweep's folder; made if it is missing, and so are the tables' folders.
        columns: The sweep's columns. Columns that earlier parts have besides them are kept.
        metadata: The sweep's spec as JSON and its lineage, for the metadata of every part; keys without prefix.
        bytes_per_part: Bytes of rows after which a part is full.

    Raises:
        ResultsError: If earlier parts are damaged or contradict the columns.

    """

    def __init__(
        self,
        folder: Path,
        columns: RecordColumns,
        metadata: Mapping[str, str],
        *,
        bytes_per_part: int = BYTES_PER_PART,
    ) -> None:
        file_metadata(columns, metadata)  # a wrong key shows before the first row is lost
        self._metadata = dict(metadata)
        self._columns = columns
        for table in TABLES:
            for part in list_parts(folder, table):
                self._columns = self._columns.merged(read_declaration(part))
        self._schemas = self._declared_schemas()
        self._last_predicted = _last_rows(folder, "predictions")
        self._tables = {table: OpenPart(folder, table, bytes_per_part=bytes_per_part) for table in TABLES}

    @property
    def columns(self) -> RecordColumns:
        """The columns that are written, with the metrics and terms that came up on the way."""
        return self._columns

    def append_trial(self, row: TrialRow) -> None:
        """Record that a trial has ended.

        Raises:
            ResultsError: If a parameter or objective was not declared or a cell does not fit its column.

        """
        self._append("trials", row)

    def append_report(self, row: ReportRow) -> None:
        """Record an evaluation. A metric or term that was not declared starts a part with its column.

        Raises:
            ResultsError: If a cell does not fit its column.

        """
        self._append("reports", row)

    def append_decision(self, row: DecisionRow) -> None:
        """Record what a pruner said.

        Raises:
            ResultsError: If a cell does not fit its column.

        """
        self._append("decisions", row)

    def append_items(self, rows: Sequence[ItemRow]) -> None:
        """Record the examples that models are scored on, all in one durable write; none is a part without rows.

        Raises:
            ResultsError: If an item is there twice or a cell does not fit its column.

        """
        seen: set[str] = set()
        for row in rows:
            if row.item in seen:
                raise ResultsError(f"an item's id is unique within a sweep; {row.item} is there twice")
            seen.add(row.item)
        self._tables["items"].append(_rows_table(rows, self._schemas["items"]))

    def append_predictions(self, rows: Sequence[PredictionRow]) -> None:
        """Record what one model answered to many examples, all in one durable write and one row group.

        The same rows as the last on disk, which a driver wrote that died before it could say so, are not written again.

        Args:
            rows: Of one trial or run, at one step; without any nothing is written. A score that was not declared
                starts a part with its columns.

        Raises:
            ResultsError: If the rows are of several models or a cell does not fit its column.

        """
        if not rows:
            return
        if len({(row.run, row.trial, row.attempt, row.step) for row in rows}) > 1:
            raise ResultsError("predictions are written for one model at a time; the rows are of several")
        self._declare(
            row_scores=dict.fromkeys(name for row in rows for name in row.scores), of=f"trial {rows[0].trial}"
        )
        table = _rows_table(rows, self._schemas["predictions"])
        if self._last_predicted is None or not _ends_with(self._last_predicted, table):
            self._tables["predictions"].append(table)

    def append_confirmation(self, row: ConfirmationRow) -> None:
        """Record that a confirmation run was scored or failed; its predictions are to be written before.

        Raises:
            ResultsError: If a cell does not fit its column.

        """
        self._declare(metrics=row.metrics, of=f"run {row.run}")
        self._append("confirmations", row)

    def _append(self, table: TableName, row: TrialRow | ReportRow | DecisionRow | ConfirmationRow) -> None:
        if isinstance(row, ReportRow):
            self._declare(metrics=row.metrics, terms=(*row.losses, *row.weights), of=f"trial {row.trial}")
        self._tables[table].append(_rows_table([row], self._schemas[table]))

    def _declared_schemas(self) -> Mapping[TableName, pa.Schema]:
        """Make the schemas with their metadata; kept, since they take longer to make than a row to write."""
        metadata = file_metadata(self._columns, self._metadata)
        return {table: table_schema(table, self._columns).with_metadata(metadata) for table in TABLES}

    def _declare(
        self,
        *,
        metrics: Iterable[str] = (),
        terms: Iterable[str] = (),
        row_scores: Iterable[str] = (),
        of: str,
    ) -> None:
        """Add columns that came up on the way."""
        known = self._columns
        pairs = ((metrics, known.metrics), (terms, known.terms), (row_scores, known.row_scores))
        if all(set(names) <= set(declared) for names, declared in pairs):
            return
        wide = known.widened(metrics=metrics, terms=terms, row_scores=row_scores)
        if wide != known:
            new = {*wide.metrics, *wide.terms, *wide.row_scores} - {*known.metrics, *known.terms, *known.row_scores}
            _log.warning("%s reports what the sweep did not declare: %s", of, ", ".join(sorted(new)))
            self._columns = wide
            self._schemas = self._declared_schemas()


def _last_rows(folder: Path, table: TableName) -> pa.Table | None:
    """Give what was written last by an earlier writer, if anything."""
    parts = list_parts(folder, table)
    return read_last_group(parts[-1]) if parts else None


def _ends_with(rows: pa.Table, last: pa.Table) -> bool:
    return rows.num_rows >= last.num_rows and rows.slice(rows.num_rows - last.num_rows).equals(last)


def _rows_table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Give rows as a table of one schema."""
    cells = [row_cells(row) for row in rows]
    for row, found in zip(rows, cells, strict=True):
        if unknown := found.keys() - set(schema.names):
            raise ResultsError(
                f"{_name(row)} has columns that the sweep did not declare: {', '.join(sorted(unknown))};"
                " declare them in RecordColumns"
            )
    arrays = [_column(column, rows, [found.get(column.name) for found in cells]) for column in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(column: pa.Field, rows: Sequence[Row], values: Sequence[Any]) -> pa.Array:
    try:
        for value in values:
            _check_integer(value, column.type)
        return pa.array(values, column.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        row, value = _culprit(column, rows, values)
        raise ResultsError(f"column {column.name} holds {column.type}; {_name(row)} has {value!r}") from error


def _culprit(column: pa.Field, rows: Sequence[Row], values: Sequence[Any]) -> tuple[Row, Any]:
    """Give the first row whose cell does not fit by itself."""
    for row, value in zip(rows, values, strict=True):
        try:
            _check_integer(value, column.type)
            pa.array([value], column.type)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            return row, value
    return rows[0], values[0]


def _name(row: Row) -> str:
    return f"item {row.item}" if isinstance(row, ItemRow) else f"trial {row.trial}"


def _check_integer(value: Any, kind: pa.DataType) -> None:
    if pa.types.is_integer(kind) and value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
        raise TypeError("pyarrow would round this to an integer without a word")
