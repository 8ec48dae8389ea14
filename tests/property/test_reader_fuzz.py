"""Whatever stands in a file, a reader gives rows that can be trained on or a reason, and no other exception."""

import gzip
import json
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutated_bytes, mutated_tree
from PIL import Image

from spaces import DataConfig, ModelConfig
from trainable.boxes import fault_of
from trainable.data.images import FileImage, image_fault, size_of
from trainable.data.prepare import length_fault
from trainable.data.records import IMAGE_TAG
from trainable.data.sources import read_sources
from trainable.errors import DataError
from trainable.model.load import load_processor

LONGEST_MESSAGE = 600
CASES = 10_000 if os.environ.get("PARETUNE_NIGHTLY") else 1_000
"""Mutated data sets of all kinds together; all of them nightly."""

BOX = "<|box_start|>(1,2),(30,40)<|box_end|>"
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}],
    "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 10, 100, 50], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 8, "bbox": [20, 10, 100, 50], "iscrowd": 0},
    ],
}
VOC = b"""<annotation><folder>x</folder><filename>a.png</filename><size><width>200</width><height>100</height></size>
<object><name>cat</name><bndbox><xmin>20</xmin><ymin>10</ymin><xmax>120</xmax><ymax>60.5</ymax></bndbox></object>
<object><name>big dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>50</xmax><ymax>60</ymax></bndbox></object>
</annotation>"""
REFS = [
    {"ref_id": 3, "ann_id": 1, "image_id": 1, "split": "train", "sentences": [{"sent": "left cat"}, {"raw": "It."}]},
    {"ref_id": 4, "ann_id": 2, "image_id": 1, "split": "val", "sentences": ["the dog"]},
]
QUESTIONS = {"questions": [{"question_id": 5, "image_id": 1, "question": "What?"}]}
ANSWERS = {
    "annotations": [
        {"question_id": 5, "multiple_choice_answer": "cat", "answers": [{"answer": "cat"}, {"answer": "dog"}]}
    ]
}
GQA = {"12": {"imageId": "a", "question": "What?", "answer": "cat", "fullAnswer": "A cat."}}
MESSAGES = [
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Find <ref-object>."}]},
            {"role": "assistant", "content": "<ref-object><bbox>", "loss": True},
        ],
        "images": ["a.png"],
        "objects": {"ref": ["cat", "cat"], "bbox": [[20, 10, 120, 60]], "bbox_type": "real", "image_id": [0]},
    }
]
SHAREGPT = [
    {
        "id": "1",
        "system": "Be brief.",
        "image": "a.png",
        "conversations": [{"from": "human", "value": "<image>Where?"}, {"from": "gpt", "value": f"There: {BOX}"}],
    }
]
QUERIES = [
    {"query": "<img>a.png</img>Where?", "response": BOX, "history": [["Hi", "Ho"]], "system": "Be brief."},
    {"conversation": [{"human": "Hi", "assistant": "Ho"}], "image": "a.png"},
]
ALPACA = [
    {
        "instruction": "<image>Where?",
        "input": "the cat",
        "output": BOX,
        "history": [["Hi", "Ho"]],
        "system": "Be brief.",
        "images": ["a.png"],
    }
]
PALIGEMMA = [
    {"image": "a.png", "prefix": "detect cat", "suffix": "<loc0100><loc0200><loc0300><loc0400> cat ; <loc0001>"},
    {"image": "a.png", "prefix": "detect cat", "suffix": "<loc0100><loc0200><loc0300><loc0400> cat"},
]
REFERRING = [
    {"image": "a.png", "bbox_xywh": [20, 10, 100, 50], "sentences": [{"sent": "left cat"}, "it"]},
    {"file_name": "a.png", "bbox_xyxy": [20, 10, 120, 60], "expression": "the dog"},
]
TABLE_VQA = [{"image": "a.png", "question": "What?", "answers": ["cat", "cat", "dog"]}]
CHAT_REGISTRY = {
    "mine": {
        "file_name": "rows.json",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "images": "image", "system": "system"},
        "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
    }
}
ALPACA_REGISTRY = {"mine": {"file_name": "rows.json", "columns": {"prompt": "instruction", "images": "images"}}}


def encoded(form):
    content = BytesIO()
    Image.radial_gradient("L").resize((40, 30)).convert("RGB").save(content, form)
    return content.getvalue()


IN_ROWS = [{"image": {"bytes": encoded("PNG"), "path": None}, "question": "What?", "answer": "A circle."}] * 2


def table(rows):
    return pa.Table.from_pylist(rows)


def parquet(rows):
    content = BytesIO()
    pq.write_table(table(rows), content)
    return content.getvalue()


def arrow(rows):
    content = BytesIO()
    with pa.ipc.new_stream(content, table(rows).schema) as stream:
        stream.write_table(table(rows))
    return content.getvalue()


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def as_json(tree):
    return json.dumps(tree, default=str).encode()


@dataclass(frozen=True)
class Kind:
    """A data set whose files are mutated.

    Attributes:
        files: Contents by name: trees, which ``written`` turns into bytes, or bytes.
        config: How it is declared; texts that name a file or ``.`` are below its folder.
        written: By name, how a tree becomes a file.

    """

    config: Mapping[str, Any]
    files: Mapping[str, Any]
    written: Mapping[str, Callable[[Any], bytes]] = field(default_factory=dict)

    def file(self, name: str, content: Any) -> bytes:
        return content if isinstance(content, bytes) else self.written.get(name, as_json)(content)


def rows_kind(rows, name="rows.json", written=as_json, **config):
    return Kind({"source": "rows", "path": name, **config}, {name: rows}, {name: written})


PHOTOS = {"images": "."}
COCO_KIND = {"source": "coco", "annotations": "boxes.json", **PHOTOS}
YOLO_KIND = {"source": "yolo", "labels": "labels", **PHOTOS}
REFCOCO_KIND = {"source": "refcoco", "instances": "boxes.json", **PHOTOS}
LLAMA_KIND = {"source": "llamafactory", "folder": ".", "dataset": "mine"}
NAMES_YAML = b"names:\n  0: cat\n  1: big dog\nnc: 2\n"
LABELS = b"0 0.5 0.5 0.25 0.25\n1 0.25 0.5 0.5 1\n"

KINDS = {
    "coco": Kind(COCO_KIND, {"boxes.json": COCO}),
    "coco of several boxes": Kind({**COCO_KIND, "max_boxes": 5, "frame": "pixels_xyxy"}, {"boxes.json": COCO}),
    "voc": Kind({"source": "voc", "annotations": ".", **PHOTOS}, {"a.xml": VOC}),
    "yolo": Kind({**YOLO_KIND, "names": "data.yaml"}, {"labels/a.txt": LABELS, "data.yaml": NAMES_YAML}),
    "yolo names by line": Kind({**YOLO_KIND, "names": "obj.names"}, {"labels/a.txt": LABELS, "obj.names": b"cat\nd\n"}),
    "refcoco": Kind({**REFCOCO_KIND, "refs": "refs.json"}, {"refs.json": REFS, "boxes.json": COCO}),
    "refcoco pickle": Kind(
        {**REFCOCO_KIND, "refs": "refs.p", "refs_split": "train"},
        {"refs.p": REFS, "boxes.json": COCO},
        {"refs.p": lambda tree: pickle.dumps(tree, protocol=2)},
    ),
    "vqa v2": Kind(
        {"source": "vqa", "questions": "q.json", "annotations": "a.json", **PHOTOS},
        {"q.json": QUESTIONS, "a.json": ANSWERS},
    ),
    "gqa": Kind({"source": "vqa", "questions": "q.json", **PHOTOS}, {"q.json": GQA}),
    "llamafactory chat": Kind(LLAMA_KIND, {"dataset_info.json": CHAT_REGISTRY, "rows.json": SHAREGPT}),
    "llamafactory alpaca": Kind(LLAMA_KIND, {"dataset_info.json": ALPACA_REGISTRY, "rows.json": ALPACA}),
    "messages": rows_kind(MESSAGES),
    "messages turned": rows_kind(MESSAGES, drawn_on="stored", frame="unit_xywh"),
    "sharegpt": rows_kind(SHAREGPT),
    "sharegpt in pixels": rows_kind(SHAREGPT, answer_frame="resized_xyxy"),
    "queries": rows_kind(QUERIES, "rows.jsonl", lines),
    "alpaca": rows_kind(ALPACA, "rows.jsonl.gz", lambda rows: gzip.compress(lines(rows), mtime=0)),
    "paligemma": rows_kind(PALIGEMMA, "rows.jsonl", lines),
    "referring": rows_kind(REFERRING),
    "vqa rows": rows_kind(TABLE_VQA),
    "csv": rows_kind(b'image,question,answer\na.png,"What, now?",cat\na.png,Who?,"dog\nor cat"\n', "rows.csv"),
    "tsv": rows_kind(b"instruction\tinput\toutput\nWho?\t\tMe.\nWhy?\tnow\tSo.\n", "rows.tsv"),
    "parquet": rows_kind(IN_ROWS, "rows.parquet", parquet),
    "parquet of boxes": rows_kind([REFERRING[1]], "rows.parquet", parquet, frame="pixels_xyxy"),
    "arrow": rows_kind(IN_ROWS, "rows.arrow", arrow),
}


def mutate(kind, folder, chance):
    """Write a kind's files, one of them mutated as a tree or as bytes."""
    chosen = chance.choice(sorted(kind.files))
    for name, content in kind.files.items():
        data = kind.file(name, content)
        if name == chosen:
            data = _mutated(kind, name, content, chance) or mutated_bytes(data, chance)
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


def _mutated(kind, name, content, chance):
    """Give a mutated tree as a file; nothing if bytes are to be mutated instead, or the tree can't be written so."""
    if isinstance(content, bytes) or chance.random() < 0.3:
        return None
    try:
        return kind.file(name, mutated_tree(content, chance))
    except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError):  # Arrow has columns of one type
        return None


def check_message(text):
    text.encode()
    assert text.strip()
    assert len(text) <= LONGEST_MESSAGE, text


def check(result, processor):
    for record in result.records:
        texts = [text for turn in record.turns for text in (turn.question, turn.answer)]
        "".join([record.id, record.system or "", *texts, *record.references]).encode()
        assert sum(turn.question.count(IMAGE_TAG) for turn in record.turns) == len(record.images)
        assert (record.task == "grounding") == bool(record.boxes_1000)
        assert all(fault_of(box, width=1000, height=1000) is None for box in record.boxes_1000)
        if fault := length_fault(record, processor, DataConfig.model_validate({"sources": [{"source": "shapes"}]})):
            check_message(fault)
    for row in result.refused:
        check_message(row.reason)
        check_message(f"{row.row} ")
        row.file.encode()
    for note in result.notes:
        check_message(note)


def read(config, processor):
    """Read a data set; a data set that can't be used has a clean message."""
    try:
        check(read_sources(DataConfig.model_validate({"sources": [config]})), processor)
    except DataError as error:
        check_message(str(error))


def fuzz(name, folder, seeds):
    """Read mutations of a kind as what it is and as what it is found to be."""
    kind, processor = KINDS[name], load_processor(ModelConfig())
    Image.new("RGB", (200, 100)).save(folder / "a.png")
    Image.new("RGB", (50, 60)).save(folder / "1.png")
    places = (*kind.files, ".", "labels")
    config = {key: str(folder / value) if value in places else value for key, value in kind.config.items()}
    for seed in seeds:
        mutate(kind, folder, Random(f"{name} {seed}"))
        try:
            read(config, processor)
            read({"source": "auto", "path": str(folder)}, processor)
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error)[:1000]!a}"
            pytest.fail(f"the mutation of {name} with the seed {seed}: {reason}", pytrace=False)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_a_mutated_data_set_gives_rows_or_reasons(tmp_path, name):
    fuzz(name, tmp_path, range(CASES // len(KINDS)))


@pytest.mark.parametrize("name", KINDS)
def test_without_a_mutation_every_kind_gives_rows(tmp_path, name):
    kind = KINDS[name]
    for image in ("a.png", "1.png"):
        Image.new("RGB", (200, 100)).save(tmp_path / image)
    for file, content in kind.files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(kind.file(file, content))
    places = (*kind.files, ".", "labels")
    config = {key: str(tmp_path / value) if value in places else value for key, value in kind.config.items()}
    assert read_sources(DataConfig.model_validate({"sources": [config]})).records


FORMS = {form: encoded(form) for form in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")}


def animated(form):
    first, second = (Image.radial_gradient("L").resize((40, 30)).convert("RGB").rotate(turn) for turn in (0, 90))
    content = BytesIO()
    first.save(content, form, save_all=True, append_images=[second])
    return content.getvalue()


FORMS |= {f"animated {form}": animated(form) for form in ("GIF", "PNG", "TIFF", "WEBP")}


@given(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.integers(0, 4000),
)
@settings(max_examples=600, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_image_is_loaded_in_the_size_that_was_told_or_refused(tmp_path_factory, form, changes, length):
    content = bytearray(FORMS[form])
    for place, value in changes:
        content[place % len(content)] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[:length] if length > 100 else content)
    try:
        image = FileImage(path).load()
    except DataError as error:
        check_message(str(error))
        assert image_fault(FileImage(path)) == str(error)
        return
    assert (image.mode, image.size) == ("RGB", size_of(path))
    assert image_fault(FileImage(path)) is None
