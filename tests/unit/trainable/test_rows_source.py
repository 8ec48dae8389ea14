import base64
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.trial import RowsSource
from trainable.data.sources.rows import read_rows
from trainable.errors import DataError


@pytest.fixture
def read(tmp_path):
    """Write rows beside an image of 640 x 480 and read them."""
    Image.new("RGB", (640, 480)).save(tmp_path / "a.png")

    def reader(rows, **config):
        (tmp_path / "rows.json").write_text(json.dumps(rows))
        return read_rows(RowsSource(source="rows", path=str(tmp_path / "rows.json"), **config))

    return reader


def located(box, *, ref="the cup", frame=None, **more):
    objects = {"ref": [ref], "bbox": [box]} | ({"bbox_type": frame} if frame else {})
    said = [("user", "<image>Where is <ref-object>?"), ("assistant", "<bbox>")]
    messages = [{"role": role, "content": text} for role, text in said]
    return {"messages": messages, "images": ["a.png"], "objects": objects, **more}


def boxes_of(result):
    return [record.boxes_1000[0] for record in result.records]


def test_a_row_names_its_frame_and_that_wins_over_the_sweep_file(read):
    rows = [
        located([64, 48, 320, 240]),
        located([0.1, 0.1, 0.5, 0.5], frame="norm1"),
        located([100, 100, 500, 500], frame="norm1000"),
    ]
    assert boxes_of(read(rows)) == [(100, 100, 500, 500)] * 3
    assert boxes_of(read([*rows[1:], located([64, 48, 256, 192])], frame="pixels_xywh")) == [(100, 100, 500, 500)] * 3


def test_an_unknown_frame_is_refused_by_row(read):
    (row,) = read([located([1, 2, 3, 4], frame="relative")]).refused
    assert row.reason == "objects.bbox_type is 'relative'; expected real, norm1, norm1000"


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (lambda x, y, w, h: [x, y, w, h], "pixels_xywh"),
        (lambda x, y, w, h: [y, x, y + h, x + w], "pixels_yxyx"),
        (lambda x, y, w, h: [x / 640, y / 480, (x + w) / 640, (y + h) / 480], "unit_xyxy"),
        (lambda x, y, w, h: [x / 0.64, y / 0.48, (x + w) / 0.64, (y + h) / 0.48], "thousandths_xyxy"),
    ],
)
def test_boxes_of_another_frame_than_they_are_read_in_refuse_the_whole_file(read, write, found):
    rows = [located(write(23 * n, 16 * n, 70 + n, 50 + n)) for n in range(24)]
    with pytest.raises(DataError, match=rf"boxes are read as pixels_xyxy.*they look like {found}; set frame"):
        read(rows)
    assert len(read(rows, frame=found).records) == 24


def test_the_note_says_how_boxes_were_read_and_why(read):
    note = read([located([23 * n, 16 * n, 23 * n + 70, 16 * n + 50]) for n in range(24)]).notes[1]
    assert note.startswith(
        "rows.json: boxes in columns read as pixels_xyxy; of 24 boxes are possible as pixels_xyxy 24"
    )


def test_a_placeholder_in_json_becomes_a_list_and_a_label_stays_plain(read):
    row = located([64, 48, 320, 240])
    row["messages"][0]["content"] = "<image>Where?"
    row["messages"][1]["content"] = '[{"bbox_2d": <bbox>, "label": "<ref-object>"}]'
    (record,) = read([row]).records
    assert record.turns[0].answer == '[{"bbox_2d": [100, 100, 500, 500], "label": "the cup"}]'
    assert record.boxes_1000 == ((100, 100, 500, 500),)


def test_an_image_can_stand_in_the_row_itself(read):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(buffer, format="PNG")
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    parts = [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": "What?"}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": "Red."}]
    first, second = read([{"messages": messages}, {"messages": messages}]).records
    assert first.images[0].load().size == (20, 10)
    assert first.images[0].key == second.images[0].key  # so that the split keeps them together


def test_a_format_that_is_told_refuses_rows_of_another(read):
    rows = [{"query": "a", "response": "b"}, {"instruction": "a", "output": "b"}]
    assert len(read(rows).records) == 2
    result = read(rows, format="alpaca")
    assert (len(result.records), result.refused[0].row) == (1, "0")
    assert "are of no known format (alpaca)" in result.refused[0].reason


def test_older_forms_put_their_images_where_ms_swift_puts_them(read):
    rows = [
        {"query": "What?", "response": "So.", "images": ["a.png"], "history": [["Hi", "Ho"]]},
        {"query": "<img>a.png</img>What?", "response": "So."},
    ]
    first, second = read(rows).records
    assert [turn.question for turn in first.turns] == ["<image>Hi", "What?"]
    assert (second.turns[0].question, len(second.images)) == ("<image>What?", 1)


def test_at_most_so_many_rows_are_read(read):
    assert len(read([{"query": "a", "response": "b"}] * 5, max_rows=3).records) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bbox_type": ["real"]}, "objects.bbox_type is ['real']; expected real, norm1, norm1000"),
        ({"bbox": [[1, 2, 3, 10**400]]}, "objects.bbox[0] holds a number that is too large"),
        ({"image_id": [1]}, "objects.bbox[0] belongs to image 1; the row has 1"),
        ({"image_id": [True]}, "objects.bbox[0] belongs to image True"),
        ({"bbox": {}}, "objects.bbox[0] must be four numbers; got {}"),
        ({"ref": 3}, "objects.ref must be a list; got 3"),
    ],
)
def test_faulty_objects_are_refused_by_row(read, change, reason):
    row = located([64, 48, 320, 240])
    row["objects"] |= change
    (refused,) = read([row]).refused
    assert reason in refused.reason


KEYS = [
    *("role", "content", "type", "text", "image", "ref", "bbox", "bbox_type", "image_id", "from", "value", "url"),
    *("human", "assistant", "source", "data", "loss"),
]
scalars = st.sampled_from(["a.png", "nowhere/b.png", "<image>", "<bbox>", "user", "", 10**400, None, True, 7, 0.5])
json_values = st.recursive(
    scalars | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=6,
)
columns = st.sampled_from(
    [
        *("messages", "conversations", "conversation", "images", "image", "objects", "query", "response", "history"),
        *("instruction", "input", "output", "prefix", "suffix", "prompt", "completion", "system", "videos", "label"),
    ]
)


@given(st.lists(st.dictionaries(columns, json_values, min_size=1, max_size=4), min_size=1, max_size=4), st.data())
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_rows_are_kept_or_refused_and_nothing_else(read, rows, data):
    good = located([64, 48, 320, 240])
    for row in rows:
        if data.draw(st.booleans()):
            row.update({key: value for key, value in good.items() if key not in row})
    try:
        result = read(rows)
    except DataError as error:
        assert "rows.json" in str(error)
        return
    assert len(result.records) + len(result.refused) == len(rows)


def turned(folder, box, answer="<ref-object><bbox>", **objects):
    """Write a row about a photo that is stored lying, 200 x 100, and seen standing."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(folder / "t.jpg", exif=exif)
    row = {
        "messages": [
            {"role": "user", "content": "<image>Where?"},
            {"role": "assistant", "content": answer},
        ],
        "images": ["t.jpg"],
        "objects": {"ref": ["it"], "bbox": [box]} | objects if box else None,
    }
    path = folder / "turned.jsonl"
    path.write_text(json.dumps(row))
    return str(path)


@pytest.mark.parametrize(
    ("drawn_on", "box", "expected"),
    [
        ("upright", [10, 20, 30, 40], (100, 100, 300, 200)),
        ("stored", [20, 70, 40, 90], (100, 100, 300, 200)),  # seen 10 to 30 from the left, 20 to 40 from above
    ],
)
def test_boxes_drawn_on_a_turned_photo_as_it_is_stored_are_turned_with_it(tmp_path, drawn_on, box, expected):
    path = turned(tmp_path, box)
    (record,) = read_rows(RowsSource(source="rows", path=path, drawn_on=drawn_on)).records
    assert record.boxes_1000 == (expected,)
    inline = turned(tmp_path, None, f'[{{"bbox_2d": {box}}}]')
    config = RowsSource(source="rows", path=inline, drawn_on=drawn_on, answer_frame="pixels_xyxy")
    (record,) = read_rows(config).records
    assert record.boxes_1000 == (expected,)
    assert f"[{', '.join(map(str, expected))}]" in record.turns[0].answer


def test_a_box_that_fits_a_photo_only_as_it_is_stored_is_refused_with_that_hint(tmp_path):
    (row,) = read_rows(RowsSource(source="rows", path=turned(tmp_path, [150, 20, 190, 40]))).refused
    assert "the box leaves the image of 100x200" in row.reason
    assert row.reason.endswith("it fits the image as it is stored, before EXIF turns it: set drawn_on: stored")
