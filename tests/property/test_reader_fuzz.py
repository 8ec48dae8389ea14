"""Whatever stands in a file, a reader gives rows that can be trained on or a reason, and no other exception."""

import copy
import json
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.trial import CocoSource, LlamaFactorySource
from trainable.boxes import fault_of
from trainable.data.images import FileImage, size_of
from trainable.data.records import IMAGE_TAG
from trainable.data.sources.coco import read_coco
from trainable.data.sources.llamafactory import read_llamafactory
from trainable.errors import DataError

BOX = "<|box_start|>(1,2),(30,40)<|box_end|>"
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}],
    "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 10, 100, 50], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 8, "bbox": [20, 10, 100, 50], "iscrowd": 0},
    ],
}
CHAT = {
    "registry": {
        "file_name": "rows.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images", "system": "system"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    },
    "rows": [
        {
            "messages": [{"role": "user", "content": "<image>Where?"}, {"role": "assistant", "content": BOX}],
            "images": ["a.png"],
            "system": "Be brief.",
        }
    ],
}
ALPACA = {
    "registry": {"file_name": "rows.json", "columns": {"prompt": "instruction", "images": "images"}},
    "rows": [
        {
            "instruction": "<image>Where?",
            "input": "the cat",
            "output": BOX,
            "history": [["Hi", "Ho"]],
            "system": "Be brief.",
            "images": ["a.png"],
        }
    ],
}

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2000),
    st.floats(),
    st.just(10**400),
    st.sampled_from(["", " ", "a\0b", "\ud800", "x" * 5000, "../a.png", IMAGE_TAG, BOX, "<|box_start|>", "http://x/y"]),
    st.just([]),
    st.just({}),
    st.lists(st.one_of(st.none(), st.integers(0, 300), st.text(max_size=3), st.just([1])), max_size=5),
    st.dictionaries(st.sampled_from(["id", "path", "role"]), st.integers(0, 9), max_size=2),
)


def places(tree, path=()):
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


@st.composite
def changed(draw, tree):
    """Replace or remove one to three parts of a tree."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(list(places(tree))))
        node = tree
        for key in way:
            node = node[key]
        if draw(st.booleans()) and draw(st.booleans()):
            del node[last]
        else:
            node[last] = copy.deepcopy(draw(values))
        if not tree:
            break
    return tree


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    Image.new("RGB", (200, 100)).save(path / "a.png")
    return path


def check(result):
    for record in result.records:
        texts = [text for turn in record.turns for text in (turn.question, turn.answer)]
        "".join([record.id, record.system or "", *texts]).encode()
        assert sum(turn.question.count(IMAGE_TAG) for turn in record.turns) == len(record.images)
        assert (record.task == "grounding") == bool(record.boxes_1000)
        assert all(fault_of(box, width=1000, height=1000) is None for box in record.boxes_1000)
    for row in result.refused:
        assert row.reason
        f"{row.file} {row.row} {row.reason}".encode()


@given(changed(COCO))
@settings(max_examples=300, deadline=None)
def test_any_change_of_a_coco_file_gives_rows_or_reasons(folder, content):
    (folder / "boxes.json").write_text(json.dumps(content))
    try:
        check(read_coco(CocoSource(source="coco", annotations=str(folder / "boxes.json"), images=str(folder))))
    except DataError as error:
        str(error).encode()


@given(st.sampled_from([CHAT, ALPACA]).flatmap(changed))
@settings(max_examples=400, deadline=None)
def test_any_change_of_a_llama_factory_data_set_gives_rows_or_reasons(folder, content):
    (folder / "dataset_info.json").write_text(json.dumps({"mine": content.get("registry")}))
    (folder / "rows.json").write_text(json.dumps(content.get("rows")))
    try:
        check(read_llamafactory(LlamaFactorySource(source="llamafactory", folder=str(folder), dataset="mine")))
    except DataError as error:
        str(error).encode()


def encoded(form):
    content = BytesIO()
    Image.radial_gradient("L").resize((40, 30)).convert("RGB").save(content, form)
    return content.getvalue()


FORMS = {form: encoded(form) for form in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")}


@given(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.integers(0, 4000),
)
@settings(max_examples=400, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_image_is_loaded_in_the_size_that_was_told_or_refused(folder, form, changes, length):
    content = bytearray(FORMS[form])
    for place, value in changes:
        content[place % len(content)] = value
    path = folder / "damaged"
    path.write_bytes(content[:length] if length > 100 else content)
    try:
        image = FileImage(path).load()
    except DataError:
        return
    assert (image.mode, image.size) == ("RGB", size_of(path))
