"""Data sets by other people, as they are."""

import json
from collections import Counter

import pytest
from made_rows import made_record
from real_data import real_data
from transformers import AutoTokenizer

from spaces import DataConfig
from trainable.boxes import fault_of
from trainable.data.render import BOX, render
from trainable.data.sources import read_sources
from trainable.errors import DataError
from trainable.model.family import FAMILIES
from trainable.model.load import ModelShape, Processor, TokenIds

pytestmark = pytest.mark.real


def read(**source):
    return read_sources(DataConfig.model_validate({"sources": [source]}))


def test_every_box_of_the_coco_photographs_is_located_or_counted():
    folder = real_data("coco128-permissive")
    result = read(source="coco", annotations=str(folder / "instances.json"), images=str(folder / "images"))
    boxes = json.loads((folder / "instances.json").read_text())["annotations"]
    counts = Counter((box["image_id"], box["category_id"]) for box in boxes)
    crowds = {(box["image_id"], box["category_id"]) for box in boxes if box["iscrowd"]}
    single = [key for key, count in counts.items() if count == 1 and key not in crowds]
    assert Counter(record.task for record in result.records) == {"grounding": len(single), "text": 28}
    assert (len(single), len(boxes), result.refused) == (53, 225, ())
    assert f"{len(boxes) - len(single)} boxes of categories with more than 1 box" in result.notes[-1]
    assert all(fault_of(box, width=1000, height=1000) is None for r in result.records for box in r.boxes_1000)


def test_boxes_agree_with_the_same_photographs_in_yolo_format():
    folder = real_data("coco128-permissive")
    result = read(source="coco", annotations=str(folder / "instances.json"), images=str(folder / "images"))
    for record in result.records:
        if record.task != "grounding":
            continue
        lines = (folder / "labels_yolo" / f"{record.images[0].path.stem}.txt").read_text().split("\n")
        corners = []
        for line in filter(None, lines):
            x, y, width, height = (1000 * float(value) for value in line.split()[1:])
            corners.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        assert any(record.boxes_1000[0] == pytest.approx(box, abs=0.6) for box in corners), record.id


@pytest.mark.parametrize(("dataset", "rows"), [("mllm_demo", 6), ("alpaca_en_demo", 999), ("identity", 91)])
def test_the_demo_data_of_llama_factory_are_read_whole(dataset, rows):
    folder = real_data("fmt-llamafactory") / "data"
    result = read(source="llamafactory", folder=str(folder), dataset=dataset)
    assert (len(result.records), result.refused) == (rows, ())
    assert {record.task for record in result.records} == {"text"}


def test_a_row_with_two_images_in_two_turns_keeps_both():
    folder = real_data("fmt-llamafactory") / "data"
    first = read(source="llamafactory", folder=str(folder), dataset="mllm_demo").records[0]
    assert [image.path.name for image in first.images] == ["1.jpg", "1.jpg"]
    assert first.turns[0].question == "<image>Who are they?"


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        ("mllm_video_demo", "videos"),
        ("mllm_audio_demo", "audio"),
        ("mllm_pt_demo", "lies elsewhere"),
        ("dpo_en_demo", ""),
    ],
)
def test_registered_data_sets_that_cannot_be_trained_on_are_refused_by_name(dataset, reason):
    folder = real_data("fmt-llamafactory") / "data"
    with pytest.raises(DataError, match=f"{dataset}.*{reason}"):
        read(source="llamafactory", folder=str(folder), dataset=dataset)


def test_the_genuine_tokenizer_gives_every_digit_of_a_box_in_json_its_place():
    folder = real_data("tokenizer-qwen2vl")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = Processor(FAMILIES["qwen2_vl"], tokenizer, None, TokenIds.of(tokenizer), None, ModelShape(28, 1536, 0))
    answer = '```json\n[\n\t{"bbox_2d": [12, 345, 998, 1000], "label": "player 23"}, {"bbox_2d":[0,7,50,58]}]\n```'
    record = made_record("Where are they?", answer, colour=None)
    row = render(record, processor)
    assert row.boxes == (12, 345, 998, 1000, 0, 7, 50, 58)
    numbers = [0] * 8
    for digit in row.digits:
        assert tokenizer.decode([row.ids[digit.position]]) == str(digit.value)
        numbers[4 * digit.box + digit.corner] += digit.value * digit.place
    assert tuple(numbers) == row.boxes
    in_box = [tokenizer.decode([token]) for token, role in zip(row.ids, row.roles, strict=True) if role == BOX]
    assert "".join(in_box) == "12, 345, 998, 10000,7,50,58"  # the brackets share tokens with what is around the list
