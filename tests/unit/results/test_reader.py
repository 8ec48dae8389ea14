from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_sweep import COLUMNS, METADATA, RUNGS, append, baseline, complete, made_rows, make_sweep, pruned

from results import RecordWriter, ResultsError, last_attempts, last_reports, read_sweep, write_sweep_json
from results.schema import SCHEMA_VERSION


def test_a_sweep_without_trials_has_empty_tables_with_all_columns(tmp_path):
    write_sweep_json(tmp_path, COLUMNS, metadata=METADATA)
    tables = read_sweep(tmp_path)
    assert len(tables.trials) == len(tables.reports) == len(tables.decisions) == 0
    assert {"trial", "param.adapter.rank", "value.grounding.miou"} <= set(tables.trials.columns)
    assert tables.columns == COLUMNS
    assert tables.metadata == METADATA


def test_a_sweep_reads_back_as_it_was_written(tmp_path):
    make_sweep(tmp_path, [complete(0.4, 0.5, params={"adapter.rank": 8, "pacing.on": True}), pruned(20, 0.1, 0.2)])
    tables = read_sweep(tmp_path)
    assert tables.trials["state"].tolist() == ["COMPLETE", "PRUNED"]
    assert tables.trials["value.grounding.miou"].tolist()[0] == 0.4
    assert tables.trials["value.grounding.miou"].isna().tolist() == [False, True]
    assert tables.trials["param.adapter.rank"].tolist() == [8, pd.NA]
    assert tables.trials["param.pacing.on"].tolist() == [True, pd.NA]
    assert len(tables.reports) == 3 + 2
    assert tables.decisions["verdict"].tolist() == ["CONTINUE"] * 4 + ["STOP"]
    assert str(tables.trials["ended"].dt.tz) == "UTC"


def test_a_large_integer_beside_a_null_keeps_its_last_digit(tmp_path):
    make_sweep(tmp_path, [complete(0.4, 0.5, params={"adapter.rank": 2**53 + 1}), complete(0.4, 0.5)])
    assert read_sweep(tmp_path).trials["param.adapter.rank"][0] == 2**53 + 1


def test_a_folder_without_sweep_json_is_no_sweep(tmp_path):
    with pytest.raises(ResultsError, match=r"is no sweep: it has no sweep\.json"):
        read_sweep(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 1}', '{"schema_version": "x"}', "{}"])
def test_a_damaged_sweep_json_is_an_error_that_names_it(tmp_path, text):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ResultsError, match=r"sweep\.json"):
        read_sweep(tmp_path)


def test_a_newer_sweep_says_both_versions_and_what_to_do(tmp_path):
    path = write_sweep_json(tmp_path, COLUMNS, metadata={})
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(
        ResultsError, match=rf"schema version {SCHEMA_VERSION + 1}, .* up to {SCHEMA_VERSION}; upgrade paretune"
    ):
        read_sweep(tmp_path)


def test_a_newer_part_says_both_versions_and_its_name(tmp_path):
    part = make_sweep(tmp_path, [complete(0.4, 0.5)]) / "trials/part-00000.parquet"
    table = pq.read_table(part)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"paretune.schema_version": b"99"}), part)
    with pytest.raises(
        ResultsError, match=rf"trials/part-00000.parquet has schema version 99, .* up to {SCHEMA_VERSION}"
    ):
        read_sweep(tmp_path)


def test_a_damaged_part_is_an_error_that_names_it(tmp_path):
    part = make_sweep(tmp_path, [complete(0.4, 0.5)]) / "reports/part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(ResultsError, match=r"reports/part-00000.parquet is damaged"):
        read_sweep(tmp_path)


def test_a_part_by_someone_else_is_an_error_that_names_it(tmp_path):
    make_sweep(tmp_path, [complete(0.4, 0.5)])
    pq.write_table(pa.table({"a": [1]}), tmp_path / "trials/part-00007.parquet")
    with pytest.raises(ResultsError, match=r"part-00007.parquet was not written by paretune"):
        read_sweep(tmp_path)


def test_of_several_attempts_the_last_is_kept():
    rows = pd.DataFrame({"trial": [0, 1, 0, 0], "attempt": [0, 0, 1, 1], "step": [10, 10, 10, 20]})
    kept = last_attempts(rows)
    assert kept.values.tolist() == [[1, 0, 10], [0, 1, 10], [0, 1, 20]]


def test_the_last_report_is_that_of_the_last_attempt():
    rows = pd.DataFrame({"trial": [0, 0, 1, 0], "attempt": [0, 0, 0, 1], "step": [10, 20, 10, 10]})
    assert last_reports(rows)["step"].to_dict() == {0: 10, 1: 10}
    assert last_reports(rows)["attempt"].to_dict() == {0: 1, 1: 0}


def test_no_reports_have_no_last_report(tmp_path):
    write_sweep_json(tmp_path, COLUMNS, metadata={})
    assert len(last_reports(read_sweep(tmp_path).reports)) == 0


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path):
    for _ in range(3):
        make_sweep(tmp_path, [complete(0.4, 0.5)])
    old = tmp_path / "trials/part-00002.parquet"
    old.rename(tmp_path / "trials/part-100000.parquet")
    (tmp_path / "trials/part-00001.parquet").rename(tmp_path / "trials/part-99999.parquet")
    assert len(read_sweep(tmp_path).trials) == 3
    assert replace(COLUMNS) == read_sweep(tmp_path).columns


def test_a_record_from_before_a_column_came_up_is_read_with_nulls_and_goes_on(tmp_path):
    make_sweep(tmp_path, [baseline(0.5, 0.6)])
    (part,) = (tmp_path / "reports").glob("*.parquet")
    table = pq.read_table(part)
    newer = [name for name in table.column_names if name.startswith("weighted.")]
    pq.write_table(table.drop_columns(newer), part)
    assert newer and read_sweep(tmp_path).reports[newer].isna().all(axis=None)
    writer = RecordWriter(tmp_path, COLUMNS, METADATA)
    for row in made_rows([complete(0.6, 0.5)]):
        append(writer, row)
    reports = read_sweep(tmp_path).reports
    assert list(reports["step"]) == [*RUNGS, *RUNGS]
    assert reports["weighted.text_ce"].isna().tolist() == [True] * 3 + [False] * 3
