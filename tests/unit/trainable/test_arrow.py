import datetime
import io
import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.trial import RowsSource
from trainable.data.sources.rows import read_rows
from trainable.data.tables import read_table
from trainable.errors import DataError

CHAT = [{"role": "user", "content": "<image>What?"}, {"role": "assistant", "content": "Red."}]


def png(colour="red"):
    content = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(content, "PNG")
    return content.getvalue()


def write(rows, path):
    """Write a table by pyarrow, as its ending says."""
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=100)
        return path
    opened = pa.ipc.new_stream if path.name.startswith("stream") else pa.ipc.new_file
    with opened(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    return path


def saved(rows, image=True):
    """Give a data set of `datasets`, its images in the column images."""
    columns = {"messages": [{"role": datasets.Value("string"), "content": datasets.Value("string")}]}
    features = datasets.Features(columns | ({"images": [datasets.Image()]} if image else {}))
    return datasets.Dataset.from_list(rows, features=features)


def values(path, **settings):
    return [row.value for row in read_table(path, **settings)]


def read(path, **config):
    return read_rows(RowsSource(source="rows", path=str(path), **config))


def pictures_of(result):
    return [record.images[0].load().getpixel((0, 0)) for record in result.records]


NAMES = ["rows.parquet", "stream.arrow", "file.arrow"]


@pytest.mark.parametrize("name", NAMES)
def test_rows_come_back_in_order_with_their_number(tmp_path, name):
    rows = [{"a": n, "b": [n, 0.5], "c": {"d": None if n % 2 else "é"}} for n in range(700)]
    found = list(read_table(write(rows, tmp_path / name)))
    assert [row.value for row in found] == rows
    assert [found[0].place, found[-1].place] == ["0", "699"]


cells = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "n": cells.filter(lambda value: not isinstance(value, float)),
                "t": st.none() | st.text(),
                "b": st.binary(),
            }
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(NAMES),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_come_back(tmp_path, rows, name):
    schema = pa.schema({"n": pa.int64(), "t": pa.string(), "b": pa.binary()})
    assert values(write(pa.Table.from_pylist(rows, schema=schema), tmp_path / name)) == rows


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("column", ["image", "images"])
def test_bytes_in_a_column_of_images_are_images(tmp_path, name, column):
    image = {"bytes": png(), "path": "x/a.png"}
    rows = [{"messages": CHAT, column: [image] if column == "images" else image}]
    assert pictures_of(read(write(rows, tmp_path / name))) == [(255, 0, 0)]


def test_a_column_of_plain_bytes_is_one_of_images(tmp_path):
    rows = [{"image": png(), "question": "What?", "answer": "Red."}]
    assert pictures_of(read(write(rows, tmp_path / "rows.parquet"))) == [(255, 0, 0)]


def test_paths_in_a_table_start_beside_it(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    rows = [{"messages": CHAT, "images": [{"bytes": None, "path": "a.png"}]}, {"messages": CHAT, "images": None}]
    result = read(write(rows, tmp_path / "rows.parquet"))
    assert pictures_of(result) == [(255, 0, 0)]
    assert [(row.row, row.reason) for row in result.refused] == [("1", "1 <image> tags but 0 images")]


def test_a_data_set_saved_by_datasets_is_read_with_its_images(tmp_path):
    rows = [{"messages": CHAT, "images": [Image.new("RGB", (20, 10), colour)]} for colour in ("red", "blue")]
    saved(rows).save_to_disk(tmp_path / "saved", num_shards=2)
    result = read(tmp_path / "saved")
    assert pictures_of(result) == [(255, 0, 0), (0, 0, 255)]
    assert [record.id for record in result.records] == ["saved#0", "saved#1"]
    assert result.notes[0] == "saved: 2 rows as messages (the column messages)"


def test_a_data_set_saved_by_datasets_after_a_selection_holds_that_alone(tmp_path):
    saved([{"messages": CHAT} for _ in range(10)], image=False).select([3, 7]).save_to_disk(tmp_path / "saved")
    assert len(values(tmp_path / "saved")) == 2


def test_files_that_datasets_embeds_are_read_without_their_paths(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    saved([{"messages": CHAT, "images": [str(tmp_path / "a.png")]}]).save_to_disk(tmp_path / "saved")
    (tmp_path / "a.png").unlink()
    assert pictures_of(read(tmp_path / "saved")) == [(255, 0, 0)]


def test_a_part_of_several_saved_by_datasets_is_chosen(tmp_path):
    parts = {
        name: saved([{"messages": CHAT, "images": [Image.new("RGB", (20, 10), colour)]}])
        for name, colour in (("train", "red"), ("test", "blue"))
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    assert pictures_of(read(tmp_path / "saved", part="test")) == [(0, 0, 255)]
    with pytest.raises(DataError, match="saved has the parts train, test; choose one by part"):
        read(tmp_path / "saved")
    with pytest.raises(DataError, match="saved has no part 'tset'; did you mean 'test'"):
        read(tmp_path / "saved", part="tset")
    with pytest.raises(DataError, match="is one data set without parts; remove part: train"):
        read(tmp_path / "saved" / "train", part="train")


def test_parquet_written_by_datasets_is_read_with_its_images(tmp_path):
    rows = [{"messages": CHAT, "images": [Image.new("RGB", (20, 10), colour)]} for colour in ("red", "blue")]
    saved(rows).to_parquet(tmp_path / "rows.parquet")
    assert pictures_of(read(tmp_path / "rows.parquet")) == [(255, 0, 0), (0, 0, 255)]


@pytest.mark.parametrize("below", ["", "data"])
def test_a_folder_of_parquet_files_is_read_in_the_order_of_its_shards(tmp_path, below):
    (tmp_path / "hub" / below).mkdir(parents=True)
    for part, count in (("train", 3), ("test", 1)):
        for shard in range(count):
            write([{"a": f"{part} {shard}"}], tmp_path / "hub" / below / f"{part}-{shard:05}-of-{count:05}.parquet")
    assert values(tmp_path / "hub", part="train") == [{"a": f"train {shard}"} for shard in range(3)]
    with pytest.raises(DataError, match="has the parts test, train; choose one by part"):
        values(tmp_path / "hub")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [b"", b"x", b"PAR1", b"ARROW1\0\0" * 9, b"\xff\xff\xff\xff" * 9, bytes(100)])
def test_a_file_of_other_bytes_is_one_error(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name} can't be read as|{name} holds no rows"):
        values(tmp_path / name)


@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
    st.integers(1, 5000),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_one_error(tmp_path, name, changes, length):
    path = write([{"messages": CHAT, "image": {"bytes": b"x" * 9, "path": "a"}, "n": 3}] * 3, tmp_path / name)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data[:length] if length < 1000 else data)
    try:
        list(read_table(path))
    except DataError as error:
        str(error).encode()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**31 - 1], pa.date32()),
        pa.array([2**62], pa.timestamp("s")),
        pa.array([2**62], pa.duration("s")),
        pa.array([3], pa.timestamp("s", tz="Nowhere/Land")),
        pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]),
    ],
)
def test_values_that_python_can_not_hold_are_one_error(tmp_path, column):
    path = write(pa.table({"a": column}), tmp_path / "file.arrow")
    with pytest.raises(DataError, match=r"file\.arrow can't be read as Arrow"):
        values(path)


def test_values_of_unusual_kinds_are_refused_by_row(tmp_path):
    columns = {
        "messages": pa.array([CHAT]),
        "images": pa.array([[png()]]),
        "date": pa.array([datetime.date(2020, 1, 1)]),
        "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
        "kind": pa.array(["x"]).dictionary_encode(),
    }
    assert len(read(write(pa.table(columns), tmp_path / "a.parquet")).records) == 1
    for column in ("date", "map", "kind"):
        rows = pa.table({"messages": columns["messages"], "images": columns[column]})
        (row,) = read(write(rows, tmp_path / "b.parquet")).refused
        str(row).encode()


@pytest.mark.parametrize("name", NAMES)
def test_a_table_without_rows_is_one_error(tmp_path, name):
    with pytest.raises(DataError, match="holds no rows"):
        values(write(pa.table({"a": pa.array([], pa.int64())}), tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("dataset_dict.json", [], "lists no splits"),
        ("dataset_dict.json", {}, "lists no splits"),
        ("dataset_dict.json", {"splits": "train"}, "lists no splits"),
        ("dataset_dict.json", {"splits": [3]}, "lists no splits"),
        ("dataset_dict.json", {"splits": []}, "has the parts none"),
        ("dataset_dict.json", {"splits": ["train"]}, "state.json does not exist"),
        ("state.json", [], "lists no files"),
        ("state.json", {}, "lists no files"),
        ("state.json", {"_data_files": 3}, "lists no files"),
        ("state.json", {"_data_files": [3]}, "lists no files"),
        ("state.json", {"_data_files": [{"filename": 3}]}, "lists no files"),
        ("state.json", {"_data_files": []}, "holds no rows"),
        ("state.json", {"_data_files": [{"filename": "nope.arrow"}]}, "nope.arrow does not exist"),
        ("state.json", {"_data_files": [{"filename": "."}]}, "can't be read"),
        ("other.json", {}, "was not saved by datasets and holds no Parquet file"),
    ],
)
def test_a_folder_that_datasets_did_not_save_is_one_error(tmp_path, name, content, reason):
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(DataError, match=reason):
        values(tmp_path)


def test_a_packed_table_and_a_part_of_a_file_are_refused(tmp_path):
    (tmp_path / "rows.parquet.gz").write_bytes(b"x")
    with pytest.raises(DataError, match="is packed twice; unpack it by gunzip"):
        values(tmp_path / "rows.parquet.gz")
    with pytest.raises(DataError, match="is a file and has no part 'train'"):
        values(tmp_path / "rows.parquet.gz", part="train")


@pytest.mark.parametrize("name", NAMES)
def test_a_table_that_is_missing_or_a_folder_is_one_error(tmp_path, name):
    with pytest.raises(DataError, match=f"{name} does not exist"):
        values(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="was not saved by datasets"):
        values(tmp_path / name)
