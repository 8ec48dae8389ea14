"""A row survives Parquet, read by pandas, by DuckDB and by our own reader."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sweep import COLUMNS, METADATA, append

from results import DecisionRow, RecordWriter, ReportRow, TrialRow, read_sweep, write_sweep_json
from results.schema import Row, TableName, row_cells

floats = st.floats(allow_nan=True, allow_infinity=True)
scores = st.none() | floats
texts = st.text(st.characters(exclude_categories=("Cs",)))
int32s = st.integers(0, 2**31 - 1)
zones = st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=zones)

trial_rows = st.builds(
    TrialRow,
    trial=int32s,
    state=st.just("COMPLETE"),
    reason=texts,
    role=st.sampled_from(["baseline", "search"]),
    attempt=int32s,
    steps=int32s,
    seconds=floats,
    seed=st.integers(-(2**63), 2**63 - 1),
    started=times,
    ended=times,
    params=st.fixed_dictionaries(
        {},
        optional={
            "adapter.rank": st.none() | st.integers(-(2**63), 2**63 - 1),
            "optimizer.learning_rate": st.none() | floats,
            "mixture.weighting": st.none() | texts,
            "pacing.on": st.none() | st.booleans(),
        },
    ),
    values=st.fixed_dictionaries({}, optional={objective.name: scores for objective in COLUMNS.objectives}),
)
report_rows = st.builds(
    ReportRow,
    trial=int32s,
    attempt=int32s,
    step=int32s,
    progress=floats,
    seconds=floats,
    recorded=times,
    metrics=st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS.metrics, scores)),
    losses=st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS.terms, scores)),
    weights=st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS.terms, scores)),
)
decision_rows = st.builds(
    DecisionRow,
    trial=int32s,
    attempt=int32s,
    step=int32s,
    verdict=st.sampled_from(["CONTINUE", "STOP", "SUSPEND"]),
    pruner=texts,
    reason=texts,
    recorded=times,
)


def table_of(row: Row) -> TableName:
    return {TrialRow: "trials", ReportRow: "reports", DecisionRow: "decisions"}[type(row)]


def written(row: Row, folder: Path) -> None:
    write_sweep_json(folder, COLUMNS, metadata=METADATA)
    append(RecordWriter(folder, COLUMNS, METADATA), row)


def same(given_cell: object, read_cell: object) -> bool:
    if isinstance(given_cell, float) and math.isnan(given_cell):
        return isinstance(read_cell, float) and math.isnan(read_cell)
    return type(given_cell) is type(read_cell) and given_cell == read_cell


@settings(max_examples=60, deadline=None)
@given(trial_rows | report_rows | decision_rows)
def test_a_row_survives_duckdb_with_its_nulls_apart_from_its_nans(row):
    with TemporaryDirectory() as name:
        written(row, Path(name))
        source = f"'{name}/{table_of(row)}/*.parquet'"
        times = ", ".join(time_columns(row))
        result = duckdb.execute(f"SELECT * EXCLUDE ({times}) FROM {source}")
        names = [column[0] for column in result.description or []]
        cells = dict(zip(names, result.fetchall()[0], strict=True))
        # as numbers, because DuckDB gives Python a time with a zone only where pytz is installed
        instants = [duckdb.sql(f"SELECT epoch_us({time}) FROM {source}").fetchall()[0] for time in time_columns(row)]
    expected = row_cells(row)
    for column, cell in cells.items():
        assert same(expected.get(column), cell), column
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert [epoch + timedelta(microseconds=instant[0]) for instant in instants if instant] == [
        expected[column] for column in time_columns(row)
    ]


@settings(max_examples=60, deadline=None)
@given(trial_rows | report_rows | decision_rows)
def test_a_row_survives_pandas_and_our_reader(row):
    with TemporaryDirectory() as name:
        written(row, Path(name))
        plain = pd.read_parquet(Path(name) / table_of(row))
        ours = getattr(read_sweep(Path(name)), table_of(row))
    for frame, integers_stay in ((plain, False), (ours, True)):
        assert len(frame) == 1
        for column, cell in row_cells(row).items():
            read_cell = frame[column].iloc[0]
            if cell is None or (isinstance(cell, float) and math.isnan(cell)):
                assert pd.isna(read_cell), column
            else:
                assert read_cell == cell, column
                if isinstance(cell, int) and integers_stay:
                    assert int(read_cell) == cell, column


def time_columns(row: Row) -> list[str]:
    return ["started", "ended"] if isinstance(row, TrialRow) else ["recorded"]
