from __future__ import annotations

import logging
from dataclasses import replace

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_sweep import COLUMNS, METADATA, complete, made_rows

from results import RecordColumns, RecordWriter, ReportRow, ResultsError, TrialRow, read_sweep, write_sweep_json
from results.schema import SCHEMA_VERSION


@pytest.fixture
def report() -> ReportRow:
    return next(row for row in made_rows([complete(0.4, 0.5)]) if isinstance(row, ReportRow))


@pytest.fixture
def trial() -> TrialRow:
    return next(row for row in made_rows([complete(0.4, 0.5)]) if isinstance(row, TrialRow))


def writer(folder, **settings) -> RecordWriter:
    write_sweep_json(folder, COLUMNS, metadata=METADATA)
    return RecordWriter(folder, COLUMNS, METADATA, **settings)


def reports_in(folder) -> list[int]:
    return [row[0] for row in duckdb.sql(f"SELECT trial FROM '{folder}/reports/*.parquet'").fetchall()]


def part_names(folder) -> list[str]:
    return sorted(path.name for path in (folder / "reports").iterdir())


def test_a_row_is_in_the_record_when_append_returns(tmp_path, report):
    record = writer(tmp_path)
    for trial in range(3):
        record.append_report(replace(report, trial=trial))
        assert reports_in(tmp_path) == list(range(trial + 1))


def test_a_full_part_is_never_touched_again(tmp_path, report):
    record = writer(tmp_path, bytes_per_part=1)
    record.append_report(report)
    before = (tmp_path / "reports/part-00000.parquet").stat()
    for trial in (1, 2):
        record.append_report(replace(report, trial=trial))
    after = (tmp_path / "reports/part-00000.parquet").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert part_names(tmp_path) == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]


def test_a_footer_read_before_an_append_finds_its_rows_in_the_part_after_it(tmp_path, report):
    record = writer(tmp_path)
    part = tmp_path / "reports/part-00000.parquet"
    for trial in range(4):
        record.append_report(replace(report, trial=trial))
    footer, bytes_before = pq.read_metadata(part), part.read_bytes()
    for trial in range(4, 9):
        record.append_report(replace(report, trial=trial))
    size_of_rows = len(bytes_before) - footer.serialized_size - 8
    assert part.read_bytes()[:size_of_rows] == bytes_before[:size_of_rows]
    assert pq.ParquetFile(part, metadata=footer).read()["trial"].to_pylist() == [0, 1, 2, 3]


def test_a_new_writer_goes_on_with_a_new_part(tmp_path, report):
    writer(tmp_path).append_report(report)
    writer(tmp_path).append_report(replace(report, trial=1))
    assert part_names(tmp_path) == ["part-00000.parquet", "part-00001.parquet"]
    assert reports_in(tmp_path) == [0, 1]


def test_leftovers_of_a_killed_writer_are_invisible_and_the_next_writer_removes_them(tmp_path, report):
    writer(tmp_path).append_report(report)
    leftover = tmp_path / "reports/.part-00000.tmp"
    leftover.write_bytes(b"PAR1 half a par")
    assert reports_in(tmp_path) == [0]
    assert list(pd.read_parquet(tmp_path / "reports")["trial"]) == [0]
    assert list(read_sweep(tmp_path).reports["trial"]) == [0]
    writer(tmp_path)
    assert not leftover.exists()


def test_two_writers_of_one_sweep_do_not_overwrite_each_other(tmp_path, report):
    first, second = writer(tmp_path), writer(tmp_path)
    first.append_report(report)
    with pytest.raises(ResultsError, match="another process writes this sweep"):
        second.append_report(replace(report, trial=1))
    assert reports_in(tmp_path) == [0]


def test_a_score_that_nobody_declared_gets_a_column_and_plain_readers_go_on(tmp_path, report, caplog):
    record = writer(tmp_path)
    record.append_report(report)
    with caplog.at_level(logging.WARNING):
        record.append_report(replace(report, trial=1, metrics={"text.rouge_l": 0.25}, losses={"giou": 0.5}))
    record.append_report(replace(report, trial=2))
    assert "giou, text.rouge_l" in caplog.text
    assert reports_in(tmp_path) == [0, 1, 2]
    assert list(pd.read_parquet(tmp_path / "reports")["trial"]) == [0, 1, 2]
    query = "SELECT \"metric.text.rouge_l\" FROM read_parquet('{}/reports/*.parquet', union_by_name = true)"
    assert duckdb.sql(query.format(tmp_path)).fetchall() == [(None,), (0.25,), (None,)]
    tables = read_sweep(tmp_path)
    assert tables.reports["metric.text.rouge_l"].tolist()[1] == 0.25
    assert tables.columns.terms == ("text_ce", "box_l1", "giou")


def test_a_new_writer_keeps_the_columns_that_came_up_before_it(tmp_path, report):
    writer(tmp_path).append_report(replace(report, metrics={"text.rouge_l": 0.25}))
    resumed = writer(tmp_path)
    resumed.append_report(replace(report, trial=1))
    assert "text.rouge_l" in resumed.columns.metrics
    assert reports_in(tmp_path) == [0, 1]


def test_a_parameter_that_the_sweep_did_not_declare_is_an_error(tmp_path, trial):
    with pytest.raises(ResultsError, match=r"trial 0 .* did not declare: param\.typo"):
        writer(tmp_path).append_trial(replace(trial, params={"typo": 1}))
    assert list((tmp_path / "trials").iterdir()) == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"adapter.rank": "large"}, r"param\.adapter\.rank holds int64; trial 0 has 'large'"),
        ({"adapter.rank": 1.5}, r"param\.adapter\.rank holds int64; trial 0 has 1\.5"),
        ({"adapter.rank": 2**70}, r"param\.adapter\.rank holds int64"),
        ({"mixture.weighting": 3}, r"param\.mixture\.weighting holds string"),
    ],
)
def test_a_cell_of_the_wrong_type_is_an_error_that_names_its_column(tmp_path, trial, params, message):
    with pytest.raises(ResultsError, match=message):
        writer(tmp_path).append_trial(replace(trial, params=params))


def test_a_row_that_was_refused_leaves_the_writer_usable(tmp_path, trial):
    record = writer(tmp_path)
    with pytest.raises(ResultsError):
        record.append_trial(replace(trial, params={"adapter.rank": "large"}))
    record.append_trial(trial)
    assert list(read_sweep(tmp_path).trials["trial"]) == [0]


def test_a_resumed_sweep_with_another_type_for_a_parameter_is_refused(tmp_path, trial):
    writer(tmp_path).append_trial(trial)
    other = RecordColumns(
        params={"adapter.rank": "float"}, objectives=COLUMNS.objectives, metrics=COLUMNS.metrics, terms=COLUMNS.terms
    )
    with pytest.raises(ResultsError, match=r"adapter\.rank is .*new sweep folder"):
        RecordWriter(tmp_path, other, METADATA)


def test_every_part_carries_version_columns_spec_and_lineage(tmp_path, trial):
    writer(tmp_path).append_trial(trial)
    metadata = pq.read_schema(tmp_path / "trials/part-00000.parquet").metadata
    assert metadata[b"paretune.schema_version"] == str(SCHEMA_VERSION).encode()
    assert RecordColumns.from_json(metadata[b"paretune.columns"].decode()) == COLUMNS
    assert metadata[b"paretune.sweep"].decode() == METADATA["sweep"]
    assert metadata[b"paretune.git_sha"] == b"0123abc"


def test_metadata_cannot_replace_what_the_schema_says(tmp_path):
    with pytest.raises(ResultsError, match="schema_version"):
        RecordWriter(tmp_path, COLUMNS, {"schema_version": "9"})


def test_a_row_makes_no_declaration_anew(tmp_path, report, monkeypatch):
    made = []
    own = RecordColumns.to_json
    monkeypatch.setattr(RecordColumns, "to_json", lambda columns: made.append(columns) or own(columns))
    record = writer(tmp_path)
    opening = len(made)
    for _ in range(100):
        record.append_report(report)
    assert len(made) == opening
    record.append_report(replace(report, metrics={**report.metrics, "text.new": 0.5}))
    assert len(made) > opening
