"""The examples of a sweep, as its record keeps them."""

import dataclasses
import io

import duckdb
import pytest
from made_search import made_spec
from PIL import Image

from results import read_items, write_sweep_json
from search.check import check_data
from search.items import MOST_THUMBNAILS, item_rows, record_items
from search.recorder import record_columns
from trainable.data.records import Record, Turn
from trainable.data.split import Split


@pytest.fixture(scope="module")
def split():
    spec = made_spec()
    sources = (spec.data.sources[0].model_copy(update={"scenes": 60}),)
    return check_data(
        spec.model_copy(update={"data": spec.data.model_copy(update={"sources": sources})})
    ).prepared.split


def test_every_row_that_is_not_trained_on_is_an_item(split):
    rows = item_rows(split)
    for name in ("search", "confirm", "test"):
        records = getattr(split, name)
        assert records and [row.item for row in rows if row.split == name] == [record.id for record in records]
    grounding = next(row for row in rows if row.task == "grounding")
    record = next(one for one in split.search if one.id == grounding.item)
    assert grounding.boxes_1000 == tuple(value for box in record.boxes_1000 for value in box)
    assert (grounding.width, grounding.height) == record.images[0].size
    assert grounding.question == record.turns[-1].question and grounding.answer == record.turns[-1].answer
    assert {"source_0", "boxes_1"} <= set(grounding.slices) and grounding.image == record.images[0].label


def test_a_few_items_of_the_search_split_of_either_task_have_a_small_picture(split):
    pictured = [row for row in item_rows(split) if row.thumbnail]
    tasks = [row.task for row in pictured]
    assert (tasks.count("grounding"), tasks.count("text")) == (MOST_THUMBNAILS / 2,) * 2
    assert {row.split for row in pictured} == {"search"}
    image = Image.open(io.BytesIO(pictured[0].thumbnail))
    assert image.format == "JPEG" and max(image.size) <= 320


def test_a_task_without_enough_rows_leaves_its_pictures_to_the_other(split):
    few = [record for record in split.search if record.task == "text"][:2]
    grounding = [record for record in split.search if record.task == "grounding"] * 2
    many = [dataclasses.replace(record, id=f"{record.id}/{place}") for place, record in enumerate(grounding)]
    pictured = [row.task for row in item_rows(Split((), (*few, *many))) if row.thumbnail]
    assert (pictured.count("text"), len(pictured)) == (2, min(MOST_THUMBNAILS, 2 + len(many)))


def test_a_row_without_an_image_has_neither_size_nor_picture():
    record = Record("t#1", "text", "ask", (), (Turn("why?", "because"),), references=("because", "so"))
    (row,) = item_rows(Split((), (record,)))
    assert (row.image, row.width, row.height, row.thumbnail, row.boxes_1000) == ("", None, None, None, ())
    assert row.references == ("because", "so")


def test_items_are_recorded_once(tmp_path, split):
    spec = made_spec()
    write_sweep_json(tmp_path, record_columns(spec), metadata={"spec": "{}"})
    record_items(tmp_path, spec, lambda: item_rows(split))
    record_items(tmp_path, spec, lambda: pytest.fail("they are there"))
    frame = read_items(tmp_path)
    assert len(frame) == len(split.search) + len(split.confirm) + len(split.test)
    by_split = duckdb.sql(f"SELECT split, count(*) FROM '{tmp_path}/items/*.parquet' GROUP BY split").fetchall()
    assert dict(by_split) == {name: len(getattr(split, name)) for name in ("search", "confirm", "test")}


def test_a_sweep_without_kept_back_rows_is_recorded_as_having_only_search_rows(tmp_path, split):
    spec = made_spec()
    write_sweep_json(tmp_path, record_columns(spec), metadata={"spec": "{}"})
    record_items(tmp_path, spec, lambda: item_rows(Split((), split.search)))
    assert set(read_items(tmp_path)["split"]) == {"search"}
