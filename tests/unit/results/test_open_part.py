"""The part that grows, read back by readers of Parquet that know nothing of how it grew."""

import datetime
import json

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from results.open_part import OpenPart

SCHEMA = pa.schema(
    {
        "trial": pa.int32(),
        "score": pa.float64(),
        "is_on": pa.bool_(),
        "name": pa.string(),
        "seed": pa.int64(),
        "recorded": pa.timestamp("us", tz="UTC"),
        "boxes": pa.list_(pa.float64()),
        "thumbnail": pa.binary(),
    },
    metadata={"paretune.columns": json.dumps({"name": "é" * 50})},
)


def rows(first, count=1):
    """Give rows of numbers that tell which they are, every other cell null."""
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.UTC)

    def cells(number):
        return {
            "trial": number,
            "score": number / 7,
            "is_on": None if number % 3 == 0 else number % 3 == 1,
            "name": None if number % 2 else f"é{number}",
            "seed": 2**40 + number,
            "recorded": moment + datetime.timedelta(seconds=number),
            "boxes": None if number % 2 else [0.5] * (number % 5),
            "thumbnail": None if number % 4 else bytes([number % 256]) * 9,
        }

    return pa.Table.from_pylist([cells(number) for number in range(first, first + count)], schema=SCHEMA)


def part_of(folder, **settings):
    return OpenPart(folder, "reports", **{"bytes_per_part": 2**40, **settings})


def test_every_length_of_a_part_is_read_back_as_it_was_written(tmp_path):
    part, path = part_of(tmp_path), tmp_path / "reports/part-00000.parquet"
    for count in range(1, 40):
        part.append(rows(count - 1))
        found = pq.read_table(path)
        assert found.equals(rows(0, count))
        assert found.schema.metadata == SCHEMA.metadata
        read = duckdb.sql(f"SELECT * FROM '{path}' ORDER BY trial").to_arrow_table()
        assert read["trial"].to_pylist() == list(range(count))
        assert read["name"].to_pylist() == found["name"].to_pylist()


def test_a_part_has_as_many_row_groups_as_ones_in_the_binary_number_of_its_appends(tmp_path):
    part, path = part_of(tmp_path), tmp_path / "reports/part-00000.parquet"
    for count in range(1, 40):
        part.append(rows(count - 1))
        assert pq.read_metadata(path).num_row_groups == count.bit_count()


def test_every_footer_that_ever_was_finds_its_rows_in_the_longest_part(tmp_path):
    part, path, footers = part_of(tmp_path), tmp_path / "reports/part-00000.parquet", []
    for count in range(1, 40):
        part.append(rows(count - 1))
        footers.append(pq.read_metadata(path))
    for count, footer in enumerate(footers, start=1):
        with pq.ParquetFile(path, metadata=footer) as opened:
            assert opened.read().equals(rows(0, count).replace_schema_metadata(None))


def test_appends_of_several_rows_and_of_none_keep_their_order(tmp_path):
    part, chance, count = part_of(tmp_path), np.random.default_rng(3), 0
    for _ in range(30):
        size = int(chance.integers(0, 9))
        part.append(rows(count, size))
        count += size
    assert pq.read_table(tmp_path / "reports/part-00000.parquet").equals(rows(0, count))


def test_large_row_groups_are_not_written_again(tmp_path):
    part, path = part_of(tmp_path), tmp_path / "reports/part-00000.parquet"
    chance = np.random.default_rng(4)
    large = pa.table({"trial": pa.array(range(20_000), pa.int32()), "score": chance.random(20_000)})
    for _ in range(4):
        part.append(large)
    assert pq.read_metadata(path).num_row_groups == 4
    assert pq.read_table(path).num_rows == 80_000


def test_a_part_that_is_full_ends_and_the_next_begins(tmp_path):
    part = part_of(tmp_path, bytes_per_part=2000)
    for number in range(60):
        part.append(rows(number))
    paths = sorted((tmp_path / "reports").glob("*.parquet"))
    assert len(paths) > 3
    assert [number for path in paths for number in pq.read_table(path)["trial"].to_pylist()] == list(range(60))


def test_another_schema_begins_a_part_and_other_metadata_does_not(tmp_path):
    part = part_of(tmp_path)
    part.append(rows(0))
    part.append(rows(1).replace_schema_metadata({"paretune.columns": "wider"}))
    path = tmp_path / "reports/part-00000.parquet"
    assert pq.read_schema(path).metadata == {b"paretune.columns": b"wider"}
    part.append(rows(2).append_column("metric.new", pa.array([0.5])))
    assert pq.read_table(path)["trial"].to_pylist() == [0, 1]
    assert pq.read_table(tmp_path / "reports/part-00001.parquet")["metric.new"].to_pylist() == [0.5]


def test_an_append_that_fails_is_left_out_and_the_next_one_is_not(tmp_path, monkeypatch):
    part = part_of(tmp_path)
    part.append(rows(0))
    with monkeypatch.context() as patch:
        patch.setattr("results.sweep_file.os.replace", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space")))
        with pytest.raises(OSError, match="No space"):
            part.append(rows(1))
    assert pq.read_table(tmp_path / "reports/part-00000.parquet").equals(rows(0))
    part.append(rows(1))
    assert pq.read_table(tmp_path / "reports/part-00000.parquet").equals(rows(0, 2))
