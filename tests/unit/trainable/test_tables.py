import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainable.data.tables import read_table
from trainable.errors import DataError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
rows = st.lists(st.dictionaries(st.text(min_size=1), json_values, min_size=1, max_size=4), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def read(path):
    return [(row.place, row.value) for row in read_table(path)]


@given(rows, st.sampled_from(["list", "lines", "pretty", "utf-16", "gzip", "bom"]))
def test_rows_come_back_however_they_are_written(folder, values, way):
    lines = "\n\n".join(json.dumps(value) for value in values)
    path, data = folder / "rows.jsonl", lines.encode()
    match way:
        case "list":
            path, data = folder / "rows.json", json.dumps(values).encode()
            if all({"role", "content"} <= value.keys() for value in values):
                return
        case "pretty":
            data = "\n".join(json.dumps(value, indent=2) for value in values).encode()
        case "utf-16":
            data = lines.encode("utf-16")
        case "gzip":
            path, data = folder / "rows.jsonl.gz", gzip.compress(data)
        case "bom":
            data = lines.encode("utf-8-sig")
    path.write_bytes(data)
    assert [value for _, value in read(path)] == values


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(folder, data):
    path = folder / "any.jsonl"
    path.write_bytes(data)
    try:
        for row in read_table(path):
            assert row.place.startswith("line ")
    except DataError as error:
        assert "any.jsonl" in str(error)


def test_places_are_lines_also_after_a_line_that_can_not_be_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": ...}\n{\n "a": 3}\n{"a": 4} {"a": 5}\n{"a": 6}\n')
    found = read(path)
    assert [place for place, _ in found] == ["line 1", "line 3", "line 4", "line 6", "line 7"]
    assert [value for _, value in found if not isinstance(value, DataError)] == [{"a": 1}, {"a": 3}, {"a": 6}]
    assert str(found[1][1]).startswith(f"{path}:3:7 is not JSON")
    assert "line 6 holds more than one value" in str(found[3][1])


def test_a_table_of_cells_has_a_header_and_rows_of_its_length(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('query,response\n"a, b","c\nd"\n,e\nf\ng,h,i\n')
    first, second, third, fourth = read(path)
    assert first == ("line 3", {"query": "a, b", "response": "c\nd"})
    assert second == ("line 4", {"query": None, "response": "e"})
    assert "line 5 has not the 2 cells of the header" in str(third[1])
    assert "line 6 has not the 2 cells of the header" in str(fourth[1])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "rows.xml",
            "x",
            "is no table; expected a folder or a file that ends in .json",
        ),
        ("rows.json", "", "holds no rows"),
        ("rows.json", "[]", "holds no rows"),
        ("rows.json", "3", "must hold a list of rows; got int"),
        ("rows.json", '{"data": [{"a": 1}]}', "found the key 'data'"),
        ("rows.json", '[{"a": 1},]', "rows.json:1:11 is not JSON"),
        ("rows.json", '["a" # why', "JSON has no comments"),
        ("rows.csv.gz", "no gzip", "can't be read"),
    ],
)
def test_a_file_that_is_no_table_is_one_error(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        list(read_table(path))
    assert message in str(caught.value)


def test_a_packed_file_that_is_damaged_or_of_too_long_a_name_is_one_error(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    data = bytearray(gzip.compress(b'{"a": 1}' * 100))
    data[12] ^= 0xFF
    path.write_bytes(data)
    for file, reason in ((path, "can't be read: "), (tmp_path / ("x" * 5000), "can't be read: File name too long")):
        with pytest.raises(DataError, match=reason) as caught:
            list(read_table(file))
        assert len(str(caught.value)) < 400


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nope.json does not exist"):
        list(read_table(tmp_path / "nope.json"))
