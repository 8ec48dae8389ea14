"""Reads a sweep's folder into tables, also while the sweep still runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from results.errors import ResultsError
from results.parts import list_parts, read_part, read_part_of
from results.rows import ScoredSplit
from results.schema import RecordColumns, TableName, table_schema
from results.sweep_file import read_sweep_json

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
_CHEAP: tuple[TableName, ...] = ("trials", "reports", "decisions", "confirmations")
_ONE_ANSWER = ("run", "trial", "attempt", "step", "split", "item")


@dataclass(frozen=True)
class SweepTables:
    """A sweep's record, without the single examples and the answers to them.

    Integer and boolean parameters keep their type beside nulls (``Int64``, ``boolean``); times are in UTC.

    Attributes:
        trials: One row per trial that has ended, in order of ending.
        reports: One row per evaluation, in order of arrival, all attempts.
        decisions: One row per decided report, in order of arrival, all attempts.
        confirmations: One row per finished confirmation run and split, in order of ending.
        columns: The sweep's columns, with those that came up on the way.
        metadata: The sweep's spec as JSON and its lineage.

    """

    trials: pd.DataFrame
    reports: pd.DataFrame
    decisions: pd.DataFrame
    confirmations: pd.DataFrame
    columns: RecordColumns
    metadata: Mapping[str, str]


def read_sweep(folder: Path) -> SweepTables:
    """Read a sweep's folder, but for its largest tables; see ``read_items`` and ``read_predictions``.

    Raises:
        ResultsError: If the folder is no sweep, a part is damaged, or a newer paretune wrote it.

    """
    sweep = read_sweep_json(folder)
    columns = sweep.columns
    parts: dict[TableName, list[pa.Table]] = {}
    for table in _CHEAP:
        parts[table] = []
        for part in list_parts(folder, table):
            rows, declared = read_part(part)
            parts[table].append(rows)
            columns = columns.merged(declared)
    frames = {table: _frame(parts[table], table_schema(table, columns)) for table in _CHEAP}
    return SweepTables(
        trials=frames["trials"],
        reports=frames["reports"],
        decisions=frames["decisions"],
        confirmations=frames["confirmations"],
        columns=columns,
        metadata=sweep.metadata,
    )


def read_items(folder: Path) -> pd.DataFrame:
    """Read the examples that models are scored on.

    Returns:
        One row per example of the splits ``search``, ``confirm`` and ``test``, ``width`` and ``height`` as ``Int32``;
        none if an earlier paretune wrote the folder.

    Raises:
        ResultsError: If the folder is no sweep, a part is damaged, or a newer paretune wrote it.

    """
    columns = read_sweep_json(folder).columns
    parts = [read_part(part)[0] for part in list_parts(folder, "items")]
    frame = _frame(parts, table_schema("items", columns))
    return frame.astype({"width": "Int32", "height": "Int32"})


def read_predictions(
    folder: Path,
    trials: Collection[int] | None = None,
    *,
    split: ScoredSplit | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read what trained models answered to single examples.

    Args:
        folder: Of the sweep.
        trials: Numbers of searched trials, whose confirmation runs are read as well; all if absent.
        split: Only answers to examples of this split.
        columns: To read; all if absent. Fewer are much faster.

    Returns:
        One row per answer, ``run`` as ``Int32``: null for the search itself. Of an answer that a crash let be recorded
        twice the later one is kept. No row if an earlier paretune wrote the folder.

    Raises:
        ResultsError: If the folder is no sweep, a part is damaged or by a newer paretune, or there is no such column.

    """
    declared = read_sweep_json(folder).columns
    wanted = None if columns is None else {*columns, *_ONE_ANSWER}
    parts: list[pa.Table] = []
    for part in list_parts(folder, "predictions"):
        rows, own = read_part_of(part, columns=wanted, trials=trials)
        parts.append(rows)
        declared = declared.merged(own)
    schema = table_schema("predictions", declared)
    chosen = schema.names if columns is None else list(columns)
    if unknown := [name for name in chosen if name not in schema.names]:
        near = get_close_matches(unknown[0], schema.names, n=1)
        hint = f"; nearest is {near[0]}" if near else ""
        raise ResultsError(f"predictions in {folder} have no column {unknown[0]}{hint}")
    schema = pa.schema([column for column in schema if wanted is None or column.name in wanted])
    frame = _frame(parts, schema).astype({"run": "Int32"})
    if split is not None:
        frame = frame.loc[frame["split"] == split]
    return frame.loc[~frame.duplicated(list(_ONE_ANSWER), keep="last"), chosen].reset_index(drop=True)


def last_attempts(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each trial's last attempt, in their order.

    Args:
        rows: Reports or decisions.

    """
    return rows.loc[rows["attempt"] == rows.groupby("trial")["attempt"].transform("max")]


def last_reports(reports: pd.DataFrame) -> pd.DataFrame:
    """Keep the last report of each trial's last attempt, one row per trial, indexed by trial."""
    trials = reports["trial"].to_numpy()
    order = np.lexsort((reports["step"].to_numpy(), reports["attempt"].to_numpy(), trials))
    is_last = np.append(trials[order][1:] != trials[order][:-1], True)[: len(order)]
    return reports.iloc[order[is_last]].set_index("trial")


def _frame(parts: list[pa.Table], schema: pa.Schema) -> pd.DataFrame:
    bare = [part.replace_schema_metadata(None) for part in parts]
    whole = pa.concat_tables([schema.empty_table(), *bare], promote_options="default")
    return whole.to_pandas(types_mapper=_NULLABLE.get)
