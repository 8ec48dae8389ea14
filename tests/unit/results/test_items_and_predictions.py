from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_sweep import COLUMNS, METADATA, START, complete, make_sweep

from results import (
    ConfirmationRow,
    ItemRow,
    PredictionRow,
    RecordWriter,
    ResultsError,
    read_items,
    read_predictions,
    read_sweep,
    write_sweep_json,
)
from results.rows import CONFIRMATION_FIELDS, ITEM_FIELDS, PREDICTION_FIELDS

MIOU, F1 = "grounding.miou", "text.token_f1"
WIDE = replace(COLUMNS, row_scores=(MIOU, F1))
ITEMS = [
    ItemRow(
        "search",
        "a#1",
        "grounding",
        "locate",
        0,
        "a.png",
        64,
        48,
        "<image>where?",
        "here",
        (),
        (1.0, 2.0, 3.0, 4.5),
        ("source_0", "size_small"),
        b"\xff\xd8jpeg",
    ),
    ItemRow("confirm", "a#2", "text", "count", 1, "", None, None, "how many?", "two", ("two", "2")),
]


def answers(trial, *, run=None, split="search", score=0.5, text="here", attempt=0):
    shared = {"trial": trial, "run": run, "attempt": attempt, "step": 40, "split": split}
    return [
        PredictionRow(
            **shared, item="a#1", prediction=text, boxes_1000=(1, 2, 3, 4), scores={MIOU: score}, weights={MIOU: 1.0}
        ),
        PredictionRow(**shared, item="a#2", prediction="zwei ☃", scores={F1: 1.0}, weights={F1: 1.0}),
    ]


def confirmation(run, **changes):
    row = ConfirmationRow(
        run, 3, 2**40, "confirm", "COMPLETE", "", 40, 9.5, START, START + timedelta(seconds=9), {MIOU: 0.4, F1: None}
    )
    return replace(row, **changes)


@pytest.fixture
def writer(tmp_path):
    write_sweep_json(tmp_path, WIDE, metadata=METADATA)
    return RecordWriter(tmp_path, WIDE, METADATA)


def test_items_survive_our_reader_duckdb_and_pandas(writer, tmp_path):
    writer.append_items(ITEMS)
    frame = read_items(tmp_path)
    assert frame["item"].tolist() == ["a#1", "a#2"]
    assert frame["width"].tolist() == [64, pd.NA] and str(frame["height"].dtype) == "Int32"
    assert list(frame["boxes_1000"][0]) == [1.0, 2.0, 3.0, 4.5] and list(frame["references"][1]) == ["two", "2"]
    assert frame["thumbnail"].tolist() == [b"\xff\xd8jpeg", None]
    plain = pd.read_parquet(tmp_path / "items")
    assert list(plain["slices"][0]) == ["source_0", "size_small"]
    rows = duckdb.sql(
        f"SELECT item, width, \"references\", len(boxes_1000) FROM '{tmp_path}/items/*.parquet'"
    ).fetchall()
    assert rows == [("a#1", 64, [], 4), ("a#2", None, ["two", "2"], 0)]


def test_predictions_survive_our_reader_duckdb_and_pandas(writer, tmp_path):
    writer.append_predictions(answers(3))
    writer.append_predictions(answers(3, run=0, split="confirm"))
    frame = read_predictions(tmp_path)
    assert frame["run"].tolist() == [pd.NA, pd.NA, 0, 0]
    assert frame["prediction"].tolist()[:2] == ["here", "zwei ☃"]
    assert frame[f"score.{MIOU}"].isna().tolist() == [False, True, False, True]
    assert list(pd.read_parquet(tmp_path / "predictions")["boxes_1000"][0]) == [1, 2, 3, 4]
    (row,) = duckdb.sql(
        f"""SELECT sum("score.{MIOU}") / sum("weight.{MIOU}") FROM '{tmp_path}/predictions/*.parquet'
            WHERE run IS NULL"""
    ).fetchall()
    assert row == (0.5,)


def test_all_answers_of_a_model_are_in_one_row_group(writer, tmp_path):
    for trial in range(9):
        writer.append_predictions(answers(trial))
    (part,) = (tmp_path / "predictions").glob("*.parquet")
    groups = pq.read_metadata(part)
    assert [groups.row_group(at).num_rows // 2 for at in range(groups.num_row_groups)] == [8, 1]


def test_predictions_are_read_by_trial_split_and_column(writer, tmp_path):
    for trial in range(10):
        writer.append_predictions(answers(trial, score=trial / 10))
    writer.append_predictions(answers(4, run=2, split="test", score=1.0))
    some = read_predictions(tmp_path, [4, 9], columns=[f"score.{MIOU}", "trial"])
    assert list(some.columns) == [f"score.{MIOU}", "trial"]
    assert some["trial"].tolist() == [4, 4, 9, 9, 4, 4]
    assert read_predictions(tmp_path, {4}, split="test")["run"].tolist() == [2, 2]
    assert len(read_predictions(tmp_path, [])) == 0


def test_a_column_that_is_not_there_is_an_error_with_the_nearest_name(writer, tmp_path):
    with pytest.raises(ResultsError, match=r"no column score.grounding.mio; nearest is score.grounding.miou"):
        read_predictions(tmp_path, columns=["score.grounding.mio"])


def test_of_answers_that_a_crash_let_be_recorded_twice_the_later_ones_are_kept(writer, tmp_path):
    writer.append_predictions(answers(3, text="first"))
    writer.append_predictions(answers(4))
    RecordWriter(tmp_path, WIDE, METADATA).append_predictions(answers(3, text="second"))
    assert read_predictions(tmp_path, [3])["prediction"].tolist() == ["second", "zwei ☃"]
    assert len(read_predictions(tmp_path, [3], columns=["prediction"])) == 2


def test_a_new_writer_does_not_repeat_what_an_earlier_one_wrote_last(writer, tmp_path):
    writer.append_predictions(answers(3))
    writer.append_predictions(answers(4))
    again = RecordWriter(tmp_path, WIDE, METADATA)
    again.append_predictions(answers(5))
    again.append_predictions(answers(4))
    rows = duckdb.sql(f"SELECT trial FROM '{tmp_path}/predictions/*.parquet'").fetchall()
    assert sorted(trial for (trial,) in rows) == [3, 3, 4, 4, 5, 5]


def test_confirmations_survive_our_reader_and_duckdb(writer, tmp_path):
    writer.append_confirmation(confirmation(0))
    writer.append_confirmation(confirmation(1, state="FAIL", reason="out of memory", metrics={}))
    frame = read_sweep(tmp_path).confirmations
    assert frame["seed"].tolist() == [2**40] * 2 and frame["state"].tolist() == ["COMPLETE", "FAIL"]
    assert frame[f"metric.{MIOU}"].isna().tolist() == [False, True]
    found = duckdb.sql(f"SELECT run, trial, \"metric.{MIOU}\" FROM '{tmp_path}/confirmations/*.parquet'").fetchall()
    assert found == [(0, 3, 0.4), (1, 3, None)]


def test_scores_that_were_not_declared_start_a_part_with_their_columns(writer, tmp_path):
    writer.append_predictions(answers(0))
    new = replace(answers(1)[0], scores={"text.anls": 0.25}, weights={"text.anls": 1.0})
    writer.append_predictions([new])
    writer.append_confirmation(confirmation(0, metrics={"text.anls": 0.5}))
    assert len(list((tmp_path / "predictions").glob("*.parquet"))) == 2
    assert read_predictions(tmp_path)["score.text.anls"].isna().tolist() == [True, True, False]
    assert read_sweep(tmp_path).confirmations["metric.text.anls"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: replace(ITEMS[0], split="train"), "split must be one of search, confirm, test; got 'train'"),
        (lambda: replace(ITEMS[0], task="boxes"), "task must be one of"),
        (lambda: replace(ITEMS[0], boxes_1000=(1.0,)), "a#1 has 1 numbers"),
        (lambda: replace(answers(0)[0], weights={}), "a#1 has one of the two for grounding.miou"),
        (lambda: confirmation(0, state="PRUNED"), "state must be one of COMPLETE, FAIL"),
        (lambda: confirmation(0, split="search"), "split must be one of confirm, test"),
        (lambda: confirmation(0, state="FAIL"), "only a complete run has scores"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(make, words):
    with pytest.raises(ResultsError, match=words):
        make()


def test_the_writer_refuses_an_item_twice_and_answers_of_several_models(writer, tmp_path):
    with pytest.raises(ResultsError, match="a#1 is there twice"):
        writer.append_items([ITEMS[0], ITEMS[0]])
    with pytest.raises(ResultsError, match="of several"):
        writer.append_predictions([*answers(0), *answers(1)])
    with pytest.raises(ResultsError, match=r"column width holds int32; item a#1 has 1\.5"):
        writer.append_items([ITEMS[1], replace(ITEMS[0], width=1.5)])
    assert len(read_items(tmp_path)) == 0


def version_2(folder):
    """Make a folder as version 2 wrote it: no new tables, no row scores, its number in sweep.json and every part."""
    make_sweep(folder, [complete(0.4, 0.5)])
    for table in ("items", "predictions", "confirmations"):
        (folder / table).rmdir()
    content = json.loads((folder / "sweep.json").read_text())
    content["schema_version"] = 2
    del content["columns"]["row_scores"]
    (folder / "sweep.json").write_text(json.dumps(content))
    for part in folder.glob("*/part-*.parquet"):
        table = pq.read_table(part)
        declared = {
            **table.schema.metadata,
            b"paretune.schema_version": b"2",
            b"paretune.columns": json.dumps(content["columns"]).encode(),
        }
        pq.write_table(table.replace_schema_metadata(declared), part)
    return folder


def test_a_folder_of_version_2_is_read_as_having_none_of_the_new_tables(tmp_path):
    version_2(tmp_path)
    tables = read_sweep(tmp_path)
    assert len(tables.trials) == 1 and len(tables.reports) == 3
    assert len(tables.confirmations) == len(read_items(tmp_path)) == len(read_predictions(tmp_path)) == 0
    assert list(read_items(tmp_path).columns) == list(ITEM_FIELDS)
    assert list(read_predictions(tmp_path).columns) == list(PREDICTION_FIELDS)
    assert {*CONFIRMATION_FIELDS, f"metric.{MIOU}"} <= set(tables.confirmations.columns)


def test_a_folder_of_version_2_goes_on_with_the_new_tables(tmp_path):
    writer = RecordWriter(version_2(tmp_path), WIDE, METADATA)
    writer.append_items(ITEMS)
    writer.append_predictions(answers(0))
    assert read_predictions(tmp_path)[f"score.{MIOU}"].tolist()[0] == 0.5
    assert len(read_sweep(tmp_path).trials) == 1


def test_a_sweep_is_read_without_its_predictions(writer, tmp_path):
    writer.append_predictions(answers(0))
    part = tmp_path / "predictions/part-00000.parquet"
    part.write_bytes(b"damaged")
    assert len(read_sweep(tmp_path).trials) == 0
    with pytest.raises(ResultsError, match=r"predictions/part-00000.parquet is damaged"):
        read_predictions(tmp_path)
