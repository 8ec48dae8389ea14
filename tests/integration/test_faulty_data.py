"""Faulty files of public bug reports: each is read, or refused by row, as its case says."""

import json

import pytest
from real_data import real_data

from spaces.trial import RowsSource
from trainable.data.sources.rows import read_rows
from trainable.errors import DataError

pytestmark = pytest.mark.real

REFERENCE = (228, 320, 961, 970)
MISSING = "does not exist in"
TURNS = "questions and answers must alternate and end with an answer"

# case: rows kept, boxes of the kept rows (where there are any), reasons of the refused rows in order
ROWS = {
    "bom": (3, [], []),
    "utf16le_bom": (2, [], []),
    "blank_lines": (3, [], []),
    "jsonl_named_json": (3, [], []),
    "pretty_objects": (2, [], []),
    "python_repr": (0, [], ["python_repr.jsonl:1:2 is not JSON"]),
    "middle_bad_line": (2, [], ["middle_bad_line.jsonl:2:15 is not JSON"]),
    "lone_surrogate": (0, [], ["half of a surrogate pair"]),
    "duplicate_keys": (1, [], []),  # the last wins, as in every reader of JSON
    "gzip": (2, [], []),
    "reference_ok": (1, [REFERENCE], []),
    "half_flipped": (0, [], ["x2 must exceed x1"]),
    "out_of_range": (0, [], ["the box leaves the image of 640x428"]),
    "fully_outside": (0, [], ["the box leaves the image of 640x428"]),
    "zero_area": (0, [], ["y2 must exceed y1"]),
    "nan": (0, [], ["a coordinate is not finite"]),
    "inf_and_huge": (0, [], ["a coordinate is not finite"]),
    "null_and_bool": (0, [], ["must be four numbers", "must be four numbers"]),
    "normalised_0_1": (0, [], ["these look like shares of the image"]),
    "already_0_1000": (1, [REFERENCE], []),
    "native_pixels": (0, [], ["these look like pixels"]),
    "yxyx": (0, [], ["the box leaves the image of 640x428"]),
    "wrong_length": (0, [], ["has 3 numbers; expected 4", "has 5 numbers", "has 0 numbers"]),
    "nested": (0, [], ["objects.bbox[0] must be four numbers"]),
    "dict_box": (0, [], ["objects.bbox[0] must be four numbers"]),
    "count_mismatch_bbox": (
        0,
        [],
        ["2 <bbox> placeholders but 1 boxes", "1 <bbox> placeholders but 2 boxes"],
    ),
    "count_mismatch_ref": (0, [], ["2 <ref-object> placeholders but 1 phrases"]),
    "second_image": (1, [(250, 250, 750, 750)], []),
    "bbox_2d_json": (1, [REFERENCE], ["2 boxes begin and 1 are written"]),
    "token_injection_label": (0, [], ["holds a token of the model's own markup"]),
    "empty_label": (0, [], ["a phrase of objects.ref must be a text"]),
    "decimal_comma": (0, [], ["the row holds OpenImages boxes"]),
    "string_not_list": (1, [], []),
    "no_tag_one_image": (0, [], ["0 <image> tags but 1 images"]),
    "tag_in_answer": (0, [], ["2 <image> tags but 1 images"]),
    "url": (0, [], ["is a URL"]),
    "bare_base64": (0, [], ["an image of 8552 characters is no path"]),
    "bad_base64": (0, [], ["base64 can't be decoded"]),
    "windows_path": (1, [], ["lies on a drive of Windows"]),
    "traversal": (0, [], ["lies outside", "lies outside", "lies outside"]),
    "missing": (0, [], [MISSING, "lies outside"]),
    "null_and_empty": (3, [], ["must be a path", "must be a path"]),
    "case_mismatch": (0, [], ["did you mean 'images/a.jpg'?"]),
    "forty_images": (1, [], []),
    "singular_key": (1, [], []),
    "video_row": (0, [], ["the row holds videos", "the row holds audio"]),
    "roles_sharegpt": (3, [], []),
    "starts_with_assistant": (0, [], [TURNS]),
    "two_assistants": (1, [], []),  # both are trained on
    "no_assistant": (0, [], [TURNS, TURNS, "the row has no turn"]),
    "empty_answer": (0, [], ["an answer is empty", "an answer is empty", "must be a text"]),
    "mixed_content_types": (3, [], []),
    "image_url_parts": (1, [], []),
    "one_row": (1, [], []),  # the split refuses it
    "text_only": (3, [], []),
    "long_answer": (1, [], []),  # the host refuses it by its length
    "truncation_cuts_image": (1, [], []),
    "many_turns": (1, [], []),
    "scripts": (3, [], []),
    "alpaca_variants": (2, [], ["preference pairs"]),
    "kto_dpo_rows": (0, [], ["labels", "preference pairs", "preference pairs"]),
    "vqa_multi_answers": (1, [], []),  # the most frequent answer is trained on, all ten score
}
# case: the error that refuses the file as a whole
FILES = {
    "gbk": r"gbk\.jsonl:2 is not UTF-8",
    "json5_comment": r"json5_comment\.json:2:\d+ is not JSON: .* JSON has no comments",
    "empty_file": "holds no rows",
    "wrapped": "found the key 'data'",
}


def cases():
    return [json.loads(line) for line in (real_data("nasty-data") / "cases.jsonl").read_text().splitlines()]


def read(case, **settings):
    folder = real_data("nasty-data")
    (name,) = next(one["files"] for one in cases() if one["id"] == case)
    return read_rows(RowsSource(source="rows", path=str(folder / name), **settings))


def test_every_case_has_its_expectation():
    assert {case["id"] for case in cases()} == {*ROWS, *FILES}


@pytest.mark.parametrize("case", ROWS)
def test_a_faulty_file_is_read_or_refused_by_row(case):
    kept, boxes, reasons = ROWS[case]
    result = read(case)
    assert (len(result.records), len(result.refused)) == (kept, len(reasons)), result.refused
    assert [record.boxes_1000[0] for record in result.records if record.boxes_1000] == boxes
    for row, reason in zip(result.refused, reasons, strict=True):
        assert reason in row.reason
        assert len(row.reason) < 500 and row.row


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_can_not_be_read_is_one_error(case):
    with pytest.raises(DataError, match=FILES[case]):
        read(case)


@pytest.mark.parametrize(("case", "frame"), [("yxyx", "pixels_yxyx"), ("normalised_0_1", "unit_xyxy")])
def test_a_frame_that_is_told_gives_the_reference_box(case, frame):
    (record,) = read(case, frame=frame).records
    assert record.boxes_1000 == (REFERENCE,)


def test_the_three_spellings_of_content_give_the_same_row():
    first, second, third = read("mixed_content_types").records
    assert second.turns == third.turns
    assert [record.turns[0].question.count("<image>") for record in (first, second, third)] == [1, 1, 1]
    assert len({record.images[0].key for record in (first, second, third)}) == 1
