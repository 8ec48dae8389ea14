import json

import pytest
from PIL import Image

from spaces.trial import LlamaFactorySource, SourceConfig
from trainable.data.sources import READERS
from trainable.data.sources.llamafactory import read_llamafactory
from trainable.errors import DataError

CHAT = {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"}}
TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
BOX = "<|box_start|>(1,2),(30,40)<|box_end|>"


@pytest.fixture
def read(tmp_path):
    """Write a registry with one data set and its rows, and read it."""
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")

    def reader(rows, entry=None, **settings):
        entry = entry or CHAT | {"tags": TAGS}
        (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": entry}))
        text = rows if isinstance(rows, str) else json.dumps(rows)
        (tmp_path / entry.get("file_name", "rows.json")).write_text(text)
        settings = {"dataset": "mine"} | settings
        return read_llamafactory(LlamaFactorySource(source="llamafactory", folder=str(tmp_path), **settings))

    return reader


def row(*texts, images=("a.png",), first="user"):
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return {"messages": messages, "images": list(images)}


def test_every_source_of_the_sweep_file_has_a_reader():
    union = SourceConfig.__origin__.__args__
    assert set(READERS) == {model.model_fields["source"].annotation.__args__[0] for model in union}


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
    lines = '{"instruction": "a", "output": "b"}\n{"instruction": \n\n{"instruction": "c", "output": "d"}\n'
    result = read(lines, {"file_name": "rows.jsonl"})
    assert [record.turns[0].answer for record in result.records] == ["b", "d"]
    assert (result.refused[0].row, "line 2" in result.refused[0].reason) == ("1", True)


def test_no_more_rows_are_read_than_wished(read):
    rows = [{"instruction": "a", "output": "b"}] * 5
    assert len(read(rows, {"file_name": "rows.json"}, max_rows=3).records) == 3


@pytest.mark.parametrize(
    ("faulty", "reason"),
    [
        (row("Who?", "Me."), "0 <image> tags but 1 images"),
        (row("<image><image>Who?", "Me."), "2 <image> tags but 1 images"),
        (row("<image>Who?", " "), "an answer is empty"),
        (row("<image>Who?", "Me.", "And?"), "turns must alternate and end with assistant"),
        (row("<image>Who?", "Me.", first="assistant"), "turns must alternate"),
        (row("<image>Who?", "Me.", images=["b.png"]), "b.png does not exist"),
        (row("<image>Who?", "Me.", images=["http://x.org/b.png"]), "is a URL; download it"),
        (row("<image>Who?", "Me.", images=[{"bytes": "x"}]), "an image is a path; got dict"),
        (row("<image>Where?", "<|box_start|>(1,2),(30,1040)<|box_end|>"), "a native box is in thousandths"),
        (row("<image>Where?", "<|box_start|>(50,2),(30,40)<|box_end|>"), "x2 must exceed x1"),
        (row("<image>Who?", "Me. <image>"), "an answer holds <image>"),
        (row("<image>Who?", "Me.") | {"videos": ["a.mp4"]}, "the row holds videos"),
        ({"messages": []}, "the row has no 'messages'"),
        ({"messages": ["hi"]}, "a message is an object"),
        ({"messages": [{"role": "user", "content": 3}]}, "a message has the texts role and content"),
        ("text", "a row is an object; got str"),
    ],
)
def test_a_faulty_row_is_refused_with_its_number_and_the_others_are_kept(read, faulty, reason):
    result = read([row("<image>Who?", "Me."), faulty])
    (refused,) = result.refused
    assert (refused.row, len(result.records)) == ("1", 1)
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
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


def test_a_file_that_is_no_list_is_refused(read):
    with pytest.raises(DataError, match=r"rows\.json must hold a list of rows; got dict"):
        read({"rows": []})
