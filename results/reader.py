"""Reads a sweep's folder into tables, also while the sweep still runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from results.parts import list_parts, read_part
from results.schema import TABLES, RecordColumns, TableName, table_schema
from results.sweep_file import read_sweep_json

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


@dataclass(frozen=True)
class SweepTables:
    """A sweep's record.

    Integer and boolean parameters keep their type beside nulls (``Int64``, ``boolean``); times are in UTC.

    Attributes:
        trials: One row per trial that has ended, in order of ending.
        reports: One row per evaluation, in order of arrival, all attempts.
        decisions: One row per decided report, in order of arrival, all attempts.
        columns: The sweep's columns, with those that came up on the way.
        metadata: The sweep's spec as JSON and its lineage.

    """

    trials: pd.DataFrame
    reports: pd.DataFrame
    decisions: pd.DataFrame
    columns: RecordColumns
    metadata: Mapping[str, str]


def read_sweep(folder: Path) -> SweepTables:
    """Read a sweep's folder.

    Raises:
        ResultsError: If the folder is no sweep, a part is damaged, or a newer paretune wrote it.

    """
    sweep = read_sweep_json(folder)
    columns = sweep.columns
    parts: dict[TableName, list[pa.Table]] = {}
    for table in TABLES:
        parts[table] = []
        for part in list_parts(folder, table):
            rows, declared = read_part(part)
            parts[table].append(rows)
            columns = columns.merged(declared)
    frames = {table: _frame(parts[table], table_schema(table, columns)) for table in TABLES}
    return SweepTables(
        trials=frames["trials"],
        reports=frames["reports"],
        decisions=frames["decisions"],
        columns=columns,
        metadata=sweep.metadata,
    )


def last_attempts(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each trial's last attempt, in their order.

    Args:
        rows: Reports or decisions.

    """
    return rows.loc[rows["attempt"] == rows.groupby("trial")["attempt"].transform("max")]


def last_reports(reports: pd.DataFrame) -> pd.DataFrame:
    """Keep the last report of each trial's last attempt, one row per trial, indexed by trial."""
    last = last_attempts(reports).sort_values("step", kind="stable")
    return last.drop_duplicates("trial", keep="last").set_index("trial").sort_index()


def _frame(parts: list[pa.Table], schema: pa.Schema) -> pd.DataFrame:
    bare = [part.replace_schema_metadata(None) for part in parts]
    whole = pa.concat_tables([schema.empty_table(), *bare], promote_options="default")
    return whole.to_pandas(types_mapper=_NULLABLE.get)
