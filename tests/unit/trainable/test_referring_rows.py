import json

import pytest
from PIL import Image

from spaces.trial import RowsSource
from trainable.data.sources.rows import read_rows
from trainable.errors import DataError

BOX = [64, 48, 320, 240]


@pytest.fixture
def read(tmp_path):
    """Write rows beside an image of 640 x 480 and a larger one and read them."""
    Image.new("RGB", (640, 480)).save(tmp_path / "a.png")
    Image.new("RGB", (4000, 3000)).save(tmp_path / "large.png")

    def reader(*rows, **config):
        (tmp_path / "rows.json").write_text(json.dumps(list(rows)))
        return read_rows(RowsSource(source="rows", path=str(tmp_path / "rows.json"), **config))

    return reader


def many(write, *, image="a.png", size=(640, 480), count=24):
    width, height = size
    boxes = [(n / 30 * width, n / 30 * height, (n / 30 + 0.19) * width, (n / 30 + 0.17) * height) for n in range(count)]
    return [{"image": image, "bbox": write(*box), "sentence": f"it {n}"} for n, box in enumerate(boxes)]


@pytest.mark.parametrize(
    "columns",
    [
        {"sentence": "the cup"},
        {"sentences": ["the cup"]},
        {"sentences": [{"sent": "the cup", "raw": "The cup."}]},
        {"expression": "the cup."},
        {"instruction": " the cup "},
        {"answer": ["the cup"]},
        {"sentence": None, "caption": "the cup", "answer": None},
    ],
)
def test_every_phrase_asks_for_the_box(read, columns):
    (record,) = read({"image": "a.png", "bbox": BOX} | columns, frame="pixels_xyxy").records
    assert record.turns[0].question == "<image>Locate the cup."
    assert record.turns[0].answer == (
        "<|object_ref_start|>the cup<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>"
    )
    assert record.boxes_1000 == ((100, 100, 500, 500),)


def test_several_phrases_are_several_rows(read):
    result = read({"image": "a.png", "bbox_xyxy": BOX, "sentences": ["a cup", "the left one"]})
    assert [record.id for record in result.records] == ["rows.json#0/0", "rows.json#0/1"]


@pytest.mark.parametrize(("column", "box"), [("bbox_xyxy", BOX), ("bbox_xywh", [64, 48, 256, 192])])
def test_a_column_may_tell_its_frame(read, column, box):
    (record,) = read({"image": "a.png", column: box, "sentence": "it"}).records
    assert record.boxes_1000 == ((100, 100, 500, 500),)


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (lambda a, b, c, d: [a, b, c, d], "pixels_xyxy"),
        (lambda a, b, c, d: [a, b, c - a, d - b], "pixels_xywh"),
        (lambda a, b, c, d: [b, a, d, c], "pixels_yxyx"),
        (lambda a, b, c, d: [a / 640, b / 480, c / 640, d / 480], "unit_xyxy"),
        (lambda a, b, c, d: [a / 640, b / 480, (c - a) / 640, (d - b) / 480], "unit_xywh"),
        (lambda a, b, c, d: [a / 0.64, b / 0.48, c / 0.64, d / 0.48], "thousandths_xyxy"),
    ],
)
def test_the_frame_of_a_plain_column_is_found_out(read, write, found):
    result = read(*many(write))
    assert f"boxes in columns found to be {found}" in result.notes[1]
    assert len(result.records) == 24
    assert result.records[3].boxes_1000[0] == (100, 100, 290, 270)


def test_few_boxes_leave_their_frame_open(read):
    with pytest.raises(DataError, match=r"nothing tells the frame of boxes; set frame\. Evidence: too few boxes"):
        read({"image": "a.png", "bbox": BOX, "sentence": "it"})


def test_boxes_of_resized_images_are_not_read_by_a_guess_of_the_budget(read):
    rows = many(lambda *box: [value / 4000 * 1148 for value in box[:4]], image="large.png", size=(4000, 3000), count=25)
    with pytest.raises(DataError, match="boxes look like resized_xyxy; set frame and resized_max_pixels"):
        read(*rows)
    assert len(read(*rows, frame="resized_xyxy").records) == 25


def test_shares_that_are_declared_to_be_pixels_are_refused_by_row(read):
    for frame in ("pixels_xyxy", "resized_xyxy", "thousandths_xyxy"):
        result = read({"image": "a.png", "bbox": [0.1, 0.1, 0.5, 0.5], "sentence": "it"}, frame=frame)
        assert "these look like shares of the image. Set frame" in result.refused[0].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sentence": 3}, "sentence must hold a phrase; got 3"),
        ({"sentence": " "}, "sentence must hold a phrase"),
        ({"sentence": "..."}, "sentence must hold a phrase; got '...'"),
        ({"sentences": [None]}, "sentences must hold a phrase; got None"),
        ({"sentences": [{"sent": []}]}, "sentences must hold a phrase"),
        ({"sentences": {"sent": ["a"]}}, "sentences must hold a phrase"),
        ({"sentence": "an <image>"}, "holds <image>"),
        ({"sentence": "a <bbox>"}, "2 <bbox> placeholders but 1 boxes"),
        ({"sentence": "a <ref-object>"}, "<ref-object> placeholders"),
        ({"sentence": '{"bbox_2d": [1, 2, 3, 4]}'}, "holds a token of the model's own markup"),
        ({"sentence": "a <|box_end|>"}, "holds a token of the model's own markup"),
        ({"sentence": "\ud800"}, "half of a surrogate pair"),
        ({"bbox_xyxy": "64,48,320,240"}, "must be four numbers"),
        ({"bbox_xyxy": [BOX]}, "must be four numbers"),
        ({"bbox_xyxy": [1, 2, 3]}, "has 3 numbers; expected 4"),
        ({"bbox_xyxy": [1, 2, 3, 4, 5]}, "has 5 numbers; expected 4"),
        ({"bbox_xyxy": [1, 2, "3", 4]}, "must be four numbers"),
        ({"bbox_xyxy": [1, 2, None, 4]}, "must be four numbers"),
        ({"bbox_xyxy": {"x": 1}}, "must be four numbers"),
        ({"bbox_xyxy": [1, 2, 10**400, 4]}, "too large"),
        ({"bbox_xyxy": [1, 2, float("nan"), 4]}, "not finite"),
        ({"bbox_xyxy": [320, 48, 64, 240]}, "x2 must exceed x1"),
        ({"bbox_xyxy": [64, 48, 700, 240]}, "leaves the image"),
        ({"bbox_xyxy": [64, 48, 64.1, 240]}, "too small"),
        ({"image": "b.png"}, "does not exist"),
        ({"image": 3}, "image must be a list"),
        ({"image": ["a.png", "a.png"]}, "1 <image> tags but 2 images"),
        ({"images": ["a.png"]}, "both images and image"),
    ],
)
def test_a_faulty_row_is_refused_and_the_others_are_read(read, change, reason):
    good = {"image": "a.png", "bbox_xyxy": BOX, "sentence": "the cup"}
    result = read(good, good | change)
    assert [(row.row, reason in row.reason) for row in result.refused] == [("1", True)], result.refused
    assert len(result.records) == 1
    str(result.refused).encode()


def test_a_row_without_an_image_is_of_no_known_format(read):
    assert "are of no known format" in read({"bbox": BOX, "sentence": "it"}).refused[0].reason


def test_an_elongated_image_is_refused_before_its_frame_is_judged(read, tmp_path):
    Image.new("RGB", (1, 400)).save(tmp_path / "thin.png")
    rows = [{"image": "thin.png", "bbox_xyxy": [0, n, 1, n + 50], "sentence": "it"} for n in range(30)]
    result = read(*rows)
    assert {"at most 200 to 1 is possible" in row.reason for row in result.refused} == {True}
