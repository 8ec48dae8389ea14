import json

import pytest
from PIL import Image

from spaces.trial import LlamaFactorySource
from trainable.data.sources.llamafactory import read_llamafactory
from trainable.errors import DataError

CHAT = {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"}}
TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
BOX = "<|box_start|>(1,2),(30,40)<|box_end|>"


@pytest.fixture
def read(tmp_path):
    """Write a registry with one data set and its rows, and read it."""
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    (tmp_path / "e.png").write_text("no image")

    def reader(rows, entry=None, **settings):
        entry = entry or CHAT | {"tags": TAGS}
        (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": entry}))
        content = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
        name = entry.get("file_name")
        (tmp_path / (name if isinstance(name, str) else "rows.json")).write_bytes(content)
        settings = {"dataset": "mine"} | settings
        return read_llamafactory(LlamaFactorySource(source="llamafactory", folder=str(tmp_path), **settings))

    return reader


def row(*texts, images=("a.png",), first="user"):
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return {"messages": messages, "images": list(images)}


def test_all_turns_of_a_row_are_kept_and_the_last_decides_the_task(read):
    chat = read([row("<image>Who?", "Me.", "Where?", f"Here: {BOX}"), row("<image>Where?", BOX, "Why?", "So.")])
    first, second = chat.records
    assert [(turn.question, turn.answer) for turn in first.turns] == [
        ("<image>Who?", "Me."),
        ("Where?", f"Here: {BOX}"),
    ]
    assert (first.task, first.kind, first.boxes_1000) == ("grounding", "locate", ((1, 2, 30, 40),))
    assert (second.task, second.kind, second.boxes_1000) == ("text", "answer", ())
    assert (first.id, first.images[0].path.name) == ("rows.json#0", "a.png")


def test_spaces_in_a_box_do_not_matter_and_a_point_is_text(read):
    spaced = row("<image>Where?", "<|box_start|>(1, 2), (30, 40)<|box_end|>")
    first, second = read([spaced, row("<image>Click.", "click('<|box_start|>(1,2)<|box_end|>')")]).records
    assert (first.task, first.boxes_1000) == ("grounding", ((1, 2, 30, 40),))
    assert (second.task, second.kind, second.boxes_1000) == ("text", "point", ())


def test_a_system_turn_is_kept(read):
    chat = row("<image>Who?", "Me.")
    chat["messages"].insert(0, {"role": "system", "content": "Be brief."})
    assert read([chat]).records[0].system == "Be brief."


def test_the_default_tags_are_those_of_sharegpt(read):
    rows = [{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]}]
    entry = {"file_name": "rows.json", "formatting": "sharegpt"}
    assert read(rows, entry).records[0].turns[0].answer == "Ho"


def test_alpaca_rows_join_instruction_and_input_and_keep_their_history(read):
    rows = [{"instruction": "Add", "input": "1 2", "output": "3", "history": [["Hi", "Ho"]], "system": "Be brief."}]
    record = read(rows, {"file_name": "rows.json"}).records[0]
    assert [(turn.question, turn.answer) for turn in record.turns] == [("Hi", "Ho"), ("Add\n1 2", "3")]
    assert record.system == "Be brief."


def test_columns_can_be_renamed(read):
    rows = [{"q": "Hi", "a": "Ho", "pics": []}]
    columns = {"prompt": "q", "response": "a", "images": "pics"}
    assert read(rows, {"file_name": "rows.json", "columns": columns}).records[0].turns[0].answer == "Ho"


def test_a_broken_line_of_jsonl_is_refused_and_the_others_are_kept(read):
    lines = (
        b'\xef\xbb\xbf{"instruction": "a", "output": "b"}\r\n{"instruction": \n\n{"instruction": "c", "output": "d"}'
    )
    result = read(lines, {"file_name": "rows.jsonl"})
    assert [record.turns[0].answer for record in result.records] == ["b", "d"]
    assert (result.refused[0].row, "is not JSON" in result.refused[0].reason) == ("line 2", True)


def test_a_line_in_another_encoding_is_one_error_with_its_line(read):
    good = '{"instruction": "a", "output": "Grün"}\n'
    with pytest.raises(DataError, match=r"rows\.jsonl:2 is not UTF-8: byte 74 is 0xfc; save the file as UTF-8"):
        read(good.encode() + good.encode("latin-1") + good.encode(), {"file_name": "rows.jsonl"})


def test_a_line_that_is_nested_too_deep_or_holds_too_long_a_number_is_refused(read):
    result = read(b"[" * 200_000 + b"\n" + b"9" * 5000 + b"\n", {"file_name": "rows.jsonl"})
    assert [row.reason.split(":")[0] for row in result.refused] == ["line 1 can't be read", "line 2 can't be read"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"history": 3}, "history must be a list; got 3"),
        ({"history": [["Hi", 3]]}, "an answer of history must be a text; got 3"),
        ({"history": ["Hi"]}, "history must be pairs of question and answer"),
        ({"history": [["Hi", ""]]}, "an answer is empty"),
        ({"system": 3}, "system must be a text; got 3"),
        ({"output": ["b", "c"]}, "preference pairs (a list of outputs)"),
        ({"input": 3}, "input must be a text; got 3"),
        ({"instruction": "", "input": ""}, "there is no question"),
    ],
)
def test_a_faulty_alpaca_row_is_refused(read, fields, reason):
    result = read([{"instruction": "a", "output": "b"} | fields], {"file_name": "rows.json"})
    assert (result.records, len(result.refused)) == ((), 1)
    assert reason in result.refused[0].reason


def test_a_system_column_that_is_no_text_is_refused(read):
    entry = CHAT | {"tags": TAGS, "columns": CHAT["columns"] | {"system": "rules"}}
    kept, refused = row("<image>Who?", "Me.") | {"rules": "Be brief."}, row("<image>Who?", "Me.") | {"rules": ["x"]}
    result = read([kept, refused], entry)
    assert [record.system for record in result.records] == ["Be brief."]
    assert "the system turn must be a text; got ['x']" in result.refused[0].reason


def test_a_single_image_may_stand_without_a_list(read):
    assert len(read([row("<image>Who?", "Me.") | {"images": "a.png"}]).records[0].images) == 1


def test_a_message_is_shortened_in_its_reason(read):
    rows = [{"messages": [{"role": "user", "content": [{"type": "image", "image": "x" * 9000}]}]}]
    assert len(read(rows).refused[0].reason) < 200


def test_no_more_rows_are_read_than_wished(read):
    rows = [{"instruction": "a", "output": "b"}] * 5
    assert len(read(rows, {"file_name": "rows.json"}, max_rows=3).records) == 3


@pytest.mark.parametrize(
    ("faulty", "reason"),
    [
        (row("Who?", "Me."), "0 <image> tags but 1 images"),
        (row("<image><image>Who?", "Me."), "2 <image> tags but 1 images"),
        (row("<image>Who?", " "), "an answer is empty"),
        (row("<image>Who?", "Me.", "And?"), "must alternate and end with an answer; got user, assistant, user"),
        (row("<image>Who?", "Me.", first="assistant"), "must alternate"),
        (row("<image>Who?", "Me.", images=["b.png"]), "the image 'b.png' does not exist in"),
        (row("<image>Who?", "Me.", images=["http://x.org/b.png"]), "is a URL; download it"),
        (row("<image>Who?", "Me.", images=[{"bytes": "x"}]), "an image must be a path, a data URI or bytes; got"),
        (row("<image>Where?", "<|box_start|>(1,2),(30,1040)<|box_end|>"), "a box is in thousandths"),
        (row("<image>Where?", "<|box_start|>(50,2),(30,40)<|box_end|>"), "(50, 2, 30, 40); swap x1 and x2"),
        (row("<image>Where?", "<|box_start|>(50,42),(30,40)<|box_end|>"), "swap x1 and x2, and y1 and y2"),
        (row("<image>Where?", "<|box_start|>(30,2),(30,40)<|box_end|>"), "x2 must exceed x1"),
        (row("<image>Who?", "Me. <image>"), "an answer holds <image>"),
        (row("<image>Who?", "Me.") | {"videos": ["a.mp4"]}, "the row holds videos"),
        ({"messages": []}, "the row has no 'messages'"),
        ({"messages": ["hi"]}, "a message is an object"),
        ({"messages": [{"role": "user", "content": 3}]}, "a message has the texts role and content"),
        ("text", "a row is an object; got str"),
        (row("<image>Where?", "<|box_start|>(1,2),(3)<|box_end|>"), "1 boxes begin and 0 are written as"),
        (row("<image>Where?", f"{BOX} and <|box_start|>(1.5,2),(3,4)<|box_end|>"), "2 boxes begin and 1 are written"),
        (row("<image>Who?", "Me.", images=["x" * 9000]), "an image of 9000 characters is no path"),
        (row("<image>Who?", "Me.", images=["a\0.png"]), "the image"),
        (row("<image>Who?", "Me.") | {"images": 3}, "images must be a list; got 3"),
        (row("Where?", BOX, images=()), "an answer holds a box, and the row has no image"),
        (row("<image>Who?", "Me. \ud800"), "half of a surrogate pair"),
        (row("<image>Who?", "Me.", images=["e.png"]), "e.png is no readable image"),
    ],
)
def test_a_faulty_row_is_refused_with_its_number_and_the_others_are_kept(read, faulty, reason):
    result = read([row("<image>Who?", "Me."), faulty])
    (refused,) = result.refused
    assert (refused.row, len(result.records)) == ("1", 1)
    assert reason in refused.reason


@pytest.mark.parametrize(("others", "hint"), [(BOX, ""), ("<|box_start|>(1,2),(30,1040)<|box_end|>", "pixels")])
def test_boxes_are_said_to_look_like_pixels_if_it_is_not_one_row_alone(read, others, hint):
    outside = row("<image>Where?", "<|box_start|>(1,2),(1300,40)<|box_end|>")
    (*_, refused) = read([*[row("<image>Where?", others)] * 3, outside]).refused
    found = "a box is in thousandths of the image: thousandths go from 0 to 1000; got (1, 2, 1300, 40)"
    assert refused.reason == found + ("; these look like pixels" if hint else "")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"formatting": "alpaca"}, "has no file_name"),
        ({"file_name": ["rows.json"]}, r"has the file_name \['rows.json'\]; expected a path"),
        (CHAT | {"columns": ["messages"]}, "has columns that are no mapping of texts"),
        (CHAT | {"columns": {"messages": None}}, "has columns that are no mapping of texts"),
        (CHAT | {"tags": {"role_tag": 3}}, "has tags that are no mapping of texts"),
        (CHAT | {"columns": {"kto_tag": "label"}}, "holds preference labels"),
        ({"hf_hub_url": "x/y"}, r"lies elsewhere \(hf_hub_url\); download it and set file_name"),
        (CHAT | {"columns": {"videos": "videos"}}, "holds videos"),
        (CHAT | {"columns": {"audios": "audios"}}, "holds audio"),
        (CHAT | {"columns": {"tools": "tools"}}, "holds tool calls"),
        (CHAT | {"ranking": True}, "holds preference pairs"),
        (CHAT | {"formatting": "parquet"}, "has formatting 'parquet'; expected alpaca or sharegpt"),
    ],
)
def test_data_that_paretune_does_not_train_on_are_refused_by_name(read, entry, reason):
    with pytest.raises(DataError, match=f"the data set 'mine' {reason}"):
        read([], entry)


def test_an_unknown_data_set_is_answered_with_the_nearest(read):
    with pytest.raises(DataError, match="has no data set 'mien'; did you mean 'mine'"):
        read([], dataset="mien")


@pytest.mark.parametrize("entry", [None, "rows.json", 3, ["rows.json"]])
def test_an_entry_that_is_no_object_is_refused(read, tmp_path, entry):
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": entry}))
    with pytest.raises(DataError, match="the data set 'mine' must be an object"):
        read_llamafactory(LlamaFactorySource(source="llamafactory", folder=str(tmp_path), dataset="mine"))


@pytest.mark.parametrize(
    ("name", "reason"), [("no.json", "does not exist"), ("no.jsonl", "does not exist"), ("", "holds no Parquet file")]
)
def test_a_file_that_is_not_there_is_named(read, tmp_path, name, reason):
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": {"file_name": name}}))
    with pytest.raises(DataError, match=reason):
        read_llamafactory(LlamaFactorySource(source="llamafactory", folder=str(tmp_path), dataset="mine"))


def test_a_registry_that_is_no_object_or_is_not_there_is_refused(tmp_path):
    wanted = LlamaFactorySource(source="llamafactory", folder=str(tmp_path), dataset="mine")
    with pytest.raises(DataError, match=r"dataset_info\.json does not exist"):
        read_llamafactory(wanted)
    (tmp_path / "dataset_info.json").write_text("[]")
    with pytest.raises(DataError, match=r"dataset_info\.json must map names to data sets; got list"):
        read_llamafactory(wanted)


def test_a_file_that_is_no_list_is_refused(read):
    with pytest.raises(DataError, match=r"rows\.json must hold a list of rows; found the key 'rows' around one"):
        read({"rows": [{}]})


def test_images_may_lie_in_another_folder(read, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    Image.new("RGB", (20, 10)).save(away / "c.png")
    (record,) = read([row("<image>Who?", "Me.", images=["c.png"])], image_folder=str(away)).records
    assert record.images[0].path == away / "c.png"
    (record,) = read([row("<image>Who?", "Me.", images=[str(away / "c.png")])], image_folder=str(tmp_path)).records
    assert (record.images[0].path, record.images[0].label) == (away / "c.png", "away/c.png")
