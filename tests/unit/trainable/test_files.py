import pytest

from trainable.data.files import nearest, read_json, shown, text_fault
from trainable.errors import DataError


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "a.json:1:1 is not JSON: expecting value; the file is empty"),
        (b'{"a": 1,\n "b": }', "a.json:2:7 is not JSON: expecting value; mend it there"),
        (b'["a', "a.json:1:2 is not JSON: unterminated string; end it with a double quote, or see whether the file"),
        (b'["a\n"]', "a.json:1:4 is not JSON: invalid control character; in a text, write a line end as \\n and"),
        (b"[1,\n", "a.json:2:1 is not JSON: expecting value; the file ends too early: it may be cut off"),
        (b'{"a": 1,}', "remove the comma before it"),
        (b"['a']", "a.json:1:2 is not JSON: expecting value; names and texts stand in double quotes"),
        (b"[1 // one", "a.json:1:4 is not JSON: expecting ',' delimiter; JSON has no comments"),
        ('["Grün"]'.encode("latin-1"), "a.json is not UTF-8: byte 4 is 0xfc"),
        (b"[" + b"9" * 5000 + b"]", "a.json can't be read"),
        (b"[" * 200_000, "a.json can't be read"),
    ],
    ids=[
        "empty",
        "syntax",
        "text",
        "line end",
        "cut off",
        "comma",
        "Python",
        "comment",
        "encoding",
        "long number",
        "deep",
    ],
)
def test_a_file_that_is_no_json_is_named_with_the_place(tmp_path, content, reason):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_json(tmp_path / "a.json")
    assert reason in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_content(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json") == [1]


def test_a_folder_is_no_json(tmp_path):
    with pytest.raises(DataError, match="can't be read"):
        read_json(tmp_path)


def test_the_nearest_name_is_meant_or_all_are_listed():
    assert nearest("mllm_dmo", ["identity", "mllm_demo"]) == "did you mean 'mllm_demo'?"
    assert nearest("x", ["identity", "mllm_demo"]) == "known are identity, mllm_demo"


def test_a_name_is_shown_cut_and_in_characters_that_can_be_written():
    assert shown("naïve") == "naïve"
    assert shown("a" * 101) == "a" * 100 + "…"
    assert shown("a\ud800b") == "a\\ud800b"
    message = nearest("x", ["\ud800" * 5000] * 20)
    assert len(message.encode()) < 5000


def test_half_of_a_surrogate_pair_is_found_anywhere_in_a_value():
    assert text_fault({"a": [{"b": "so \ud83d"}]}) == r"half of a surrogate pair, '\ud83d', can't be written"
    assert text_fault({"\udc00": 1})
    assert text_fault({"a": ["Grün 😀", None, 1.5]}) is None
