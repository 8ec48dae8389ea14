"""Fine-tuning data of other people's tools, as they are."""

import json
from collections import Counter

import pytest
from real_data import real_data

from spaces.trial import RowsSource
from trainable.data.sources.rows import read_rows

pytestmark = pytest.mark.real


def read(folder, name, **settings):
    return read_rows(RowsSource(source="rows", path=str(real_data(folder) / name), **settings))


@pytest.mark.parametrize(
    ("folder", "name", "kept", "note"),
    [
        ("fmt-llamafactory", "data/alpaca_en_demo.json", 999, "999 rows as alpaca"),
        ("fmt-llamafactory", "data/identity.json", 91, "91 rows as alpaca"),
        ("fmt-ms-swift", "tests_llm_data/alpaca.csv", 3, "3 rows as alpaca (the columns instruction and output)"),
        ("fmt-ms-swift", "tests_llm_data/alpaca.jsonl", 3, "3 rows as alpaca"),
        ("fmt-ms-swift", "tests_llm_data/chatml.jsonl", 3, "3 rows as messages (the column messages)"),
        (
            "fmt-ms-swift",
            "tests_llm_data/conversations.jsonl",
            3,
            "3 rows as sharegpt (conversations of",
        ),
        ("fmt-ms-swift", "tests_llm_data/swift_multi.json", 3, "3 rows as queries (the columns query and response)"),
        ("fmt-ms-swift", "tests_llm_data/swift_multi.jsonl", 3, "3 rows as queries"),
        ("fmt-ms-swift", "tests_llm_data/swift_single.csv", 3, "3 rows as queries"),
    ],
)
def test_text_files_are_read_whole_and_say_what_they_were_taken_for(folder, name, kept, note):
    result = read(folder, name)
    assert (len(result.records), result.refused) == (kept, ())
    assert note in result.notes[0]


def test_photographs_of_a_llama_factory_demo_are_found():
    result = read("fmt-llamafactory", "data/mllm_demo.json", image_folder=str(real_data("fmt-llamafactory") / "data"))
    assert [len(record.images) for record in result.records] == [2, 1, 1, 2, 1, 1]


def test_content_parts_with_images_of_their_own_are_read_where_the_images_are_there():
    folder = real_data("fmt-content-parts-zhangfaen")
    result = read("fmt-content-parts-zhangfaen", "train_data/data.json", image_folder=str(folder))
    assert result.records and all(record.images for record in result.records)
    reasons = Counter("does not exist" in row.reason or "videos" in row.reason for row in result.refused)
    assert reasons[False] == 0


@pytest.mark.parametrize(
    ("folder", "name", "reason"),
    [
        ("fmt-2u1", "3_example_for_dpo_dataet.json", "preference pairs"),
        ("fmt-ms-swift", "tests_llm_data/multi_modal_2.jsonl", "is a URL; download it"),
        ("fmt-ms-swift", "tests_llm_data/swift_pre.jsonl", "are of no known format"),
        ("fmt-gui-jsonl", "os-atlas/ac_test.jsonl", "lies outside"),
        ("fmt-gui-jsonl", "vlm-r1/gui_multi-image.part.jsonl", "does not exist in"),
        ("fmt-ui-tars", "training_example.json", "4 <image> tags but 0 images"),
    ],
)
def test_what_can_not_be_trained_on_is_refused_by_row_and_by_name(folder, name, reason):
    result = read(folder, name)
    assert result.records == ()
    assert result.refused and all(reason in row.reason for row in result.refused)


def filled(folder, name, target, size=(640, 480)):
    """Copy rows beside images of one size for every image that they name."""
    from PIL import Image

    rows = real_data(folder) / name
    text = rows.read_text().replace("/xxx/", "")
    (target / rows.name).write_text(text)
    for image in ("x.jpg", "cat.png", "image_filename.jpg", "filename.jpeg", "P07_123.png", "another_filename.jpg"):
        Image.new("RGB", size).save(target / image)
    return read_rows(RowsSource(source="rows", path=str(target / rows.name)))


def test_paligemma_locations_become_phrases_and_boxes(tmp_path):
    result = filled("fmt-paligemma-loc", "rows.jsonl", tmp_path)
    first, second, third, fourth = result.records
    # <loc0486><loc0156><loc0750><loc0592>: y first, of 1024
    assert first.boxes_1000 == ((152, 475, 578, 732),)
    assert first.turns[0].answer == (
        "<|object_ref_start|>void<|object_ref_end|><|box_start|>(152,475),(578,732)<|box_end|>"
    )
    assert second.boxes_1000 == ((112, 54, 999, 999),)
    assert (third.task, fourth.task, fourth.turns[0].answer) == ("grounding", "text", "ten")
    assert [row.reason[:30] for row in result.refused] == ["the row holds segmentation (<s"]


def test_ms_swift_placeholders_become_the_native_form_or_json(tmp_path):
    result = filled("fmt-ms-swift", "docs_grounding.jsonl", tmp_path, size=(1500, 1800))
    answers = [record.turns[0].answer for record in result.records]
    native = "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(221,423),(569,886)<|box_end|>"
    assert native in answers[0] and native in answers[3]
    assert [record.kind for record in result.records].count("point") == 2
    lists = json.loads(answers[-1])
    assert [entry["label"] for entry in lists] == ["sheep", "sheep"]
    assert all(len(entry["bbox_2d"]) == 4 for entry in lists)
