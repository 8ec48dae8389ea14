import copy
import json
import os
import pickle
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.trial import RefcocoSource
from trainable.data.sources.refcoco import read_refcoco
from trainable.errors import DataError

INSTANCES = {
    "images": [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}],
    "categories": [{"id": 7, "name": "cat"}],
    "annotations": [{"id": 5, "image_id": 1, "category_id": 7, "bbox": [20, 10, 100, 50]}],
}
REF = {"ref_id": 3, "ann_id": 5, "image_id": 1, "split": "train", "sentences": [{"sent": "left cat"}]}


def plain(refs):
    return pickle.dumps(refs, protocol=2)


@pytest.fixture
def refcoco(tmp_path):
    """Write refs beside a COCO file of one box in a photo of 200 x 100 and read them."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / "a.png")

    def read(refs, *, name="refs(unc).p", instances=INSTANCES, **settings):
        data = refs if isinstance(refs, bytes) else json.dumps(refs).encode() if name.endswith("json") else plain(refs)
        (tmp_path / name).write_bytes(data)
        (tmp_path / "instances.json").write_text(json.dumps(instances))
        paths = {"refs": name, "instances": "instances.json", "images": "images"}
        paths = {key: str(tmp_path / value) for key, value in paths.items()}
        return read_refcoco(RefcocoSource(source="refcoco", **paths, **settings))

    return read


@pytest.mark.parametrize("name", ["refs(unc).p", "refs.json"])
def test_every_sentence_asks_for_the_box_of_its_ref(refcoco, name):
    refs = [REF | {"sentences": [{"sent": "left cat", "raw": "Left cat."}, {"raw": " The cat . "}, "it"]}]
    result = refcoco(refs, name=name)
    assert [record.turns[0].question for record in result.records] == [
        "<image>Locate left cat.",
        "<image>Locate The cat.",
        "<image>Locate it.",
    ]
    assert {record.boxes_1000 for record in result.records} == {((100, 100, 600, 600),)}
    assert result.records[1].id == f"{name}#3/1"
    assert "1 refs; boxes read as pixels_xywh" in result.notes[0]


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_any_protocol_is_read(refcoco, protocol):
    assert len(refcoco(pickle.dumps([REF], protocol=protocol)).records) == 1


def test_a_pickle_of_python_2_is_read(refcoco):
    old = b"(lp0\n(dp1\nS'ref_id'\np2\nI3\nsS'ann_id'\nI5\nsS'sentences'\n(lp3\n(dp4\nS'sent'\nS'caf\\xc3\\xa9'\nsasa."
    assert refcoco(old).records[0].turns[0].question == "<image>Locate café."


def test_only_the_refs_of_a_split_are_read_where_that_is_wished(refcoco):
    result = refcoco([REF, REF | {"split": "testA"}, REF | {"split": ["x"]}], refs_split="testA")
    assert len(result.records) == 1
    assert "3 refs, 2 of other splits left out" in result.notes[0]


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_runs_nothing(refcoco, tmp_path, protocol):
    with pytest.raises(DataError, match=r"refs\(unc\)\.p: the pickle asks for \w+\.mkdir; refs are plain values"):
        refcoco(pickle.dumps([REF, Evil(tmp_path / "made")], protocol=protocol))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02Ppersistent\n.",
    ],
)
def test_a_pickle_that_names_code_by_hand_is_one_error(refcoco, data):
    with pytest.raises(DataError, match="refs"):
        refcoco(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        plain([REF])[:-20],
        b"\x80\x09]." + b"x" * 9,
        b"\x80\x02]r" + struct.pack("<I", 0x7FFFFFFF) + b".",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.",
        b"\x80\x02" + b"(" * 10_000 + b"l.",
        b"\x80\x02}]]s.",
    ],
)
def test_a_damaged_pickle_is_one_error(refcoco, data):
    with pytest.raises(DataError, match=r"refs\(unc\)\.p"):
        refcoco(data)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=5), st.integers(0, 500))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_a_pickle_gives_rows_or_reasons(refcoco, changes, length):
    data = bytearray(plain([REF] * 2))
    for place, value in changes:
        data[place % len(data)] = value
    try:
        result = refcoco(bytes(data[:length] if length > 250 else data))
    except DataError as error:
        str(error).encode()
        return
    str((result.records, result.refused)).encode()


CIRCLE = dict(REF)
CIRCLE["sentences"] = [CIRCLE]


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (None, "a ref is an object; got NoneType"),
        ([REF], "a ref is an object; got list"),
        (REF | {"ann_id": 6}, "the annotation 6 is not in the instances"),
        (REF | {"ann_id": None}, "the annotation 'None' is not in the instances"),
        (REF | {"ann_id": [5]}, "the annotation '[5]' is not in the instances"),
        (REF | {"ann_id": 10**5000}, "it holds what JSON can't say"),
        (REF | {"ref_id": 10**5000}, "it holds what JSON can't say"),
        (REF | {"ann_id": "x" * 9000}, "is not in the instances"),
        (REF | {("a", "b"): 1}, "it holds what JSON can't say"),
        (CIRCLE, "it holds what JSON can't say"),
        (REF | {"sentences": []}, "it has no sentences; got []"),
        (REF | {"sentences": None}, "it has no sentences; got None"),
        (REF | {"sentences": "cat"}, "it has no sentences; got 'cat'"),
        ({"ann_id": 5}, "it has no sentences; got None"),
        (REF | {"sentences": [None]}, "a sentence must hold a phrase; got None"),
        (REF | {"sentences": [{}]}, "a sentence must hold a phrase; got {}"),
        (REF | {"sentences": [{"sent": 3}]}, "a sentence must hold a phrase"),
        (REF | {"sentences": [" "]}, "a sentence must hold a phrase; got ' '"),
        (REF | {"sentences": ["..."]}, "a sentence must hold a phrase; got '...'"),
        (REF | {"sentences": ["a <image>"]}, "holds <image>"),
        (REF | {"sentences": ["a <|box_end|>"]}, "holds a token of the model's own markup"),
        (REF | {"sentences": [float("nan")]}, "a sentence must hold a phrase; got nan"),
    ],
)
def test_a_faulty_ref_is_refused_and_the_others_are_read(refcoco, ref, reason):
    result = refcoco([REF, ref])
    (row,) = result.refused
    assert (row.row, reason in row.reason, len(row.reason) < 300) == ("ref 1", True, True), row
    assert len(result.records) == 1


def test_half_of_a_surrogate_pair_is_refused(refcoco):
    refs = [REF, REF | {"sentences": ["\ud800"]}, REF | {"ref_id": "\ud800"}]
    result = refcoco(refs, name="refs.json")
    assert ["half of a surrogate pair" in row.reason for row in result.refused] == [True, True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"annotations": [{"id": 5, "image_id": 1}]}, "has no box of four numbers"),
        ({"annotations": [{"id": 5, "image_id": 1, "bbox": [1, 2, 3]}]}, "has no box of four numbers"),
        ({"annotations": [{"id": 5, "image_id": 1, "bbox": [1, 2, 3, "4"]}]}, "has no box of four numbers"),
        ({"annotations": [{"id": 5, "image_id": 1, "bbox": [1, 2, 3, 10**400]}]}, "has no box of four numbers"),
        ({"annotations": [{"id": 5, "image_id": 1, "bbox": [1, 2, 0, 4]}]}, "x2 must exceed x1"),
        ({"annotations": [{"id": 5, "image_id": 1, "bbox": [150, 2, 90, 4]}]}, "leaves the image"),
        ({"annotations": [{"id": 5, "image_id": 2, "bbox": [1, 2, 3, 4]}]}, "the image 2 is not in the instances"),
        ({"annotations": [{"id": 5, "image_id": {}, "bbox": [1, 2, 3, 4]}]}, "is not in the instances"),
        ({"annotations": [None, 3]}, "the annotation 5 is not in the instances"),
        ({"images": [{"id": 1}]}, "the image 1 is not in the instances"),
        ({"images": [{"id": 1, "file_name": ["a.png"]}]}, "an image must be a path"),
        ({"images": [{"id": 1, "file_name": "data:image/png;base64,AAAA"}]}, "no readable image"),
        ({"images": [{"id": 1, "file_name": "b.png", "width": 200, "height": 100}]}, "'b.png' does not exist"),
        ({"images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 200}]}, "seen upright, not 100x200"),
        ({"images": [{"id": 1, "file_name": "a.png"}]}, "seen upright, not NonexNone"),
    ],
)
def test_a_faulty_instance_refuses_its_refs(refcoco, change, reason):
    (row,) = refcoco([REF], instances=INSTANCES | change).refused
    assert reason in row.reason


def test_boxes_that_are_corners_refuse_the_whole_file(refcoco):
    boxes = [{"id": n, "image_id": 1, "bbox": [6 * n, 3 * n, 6 * n + 50, 3 * n + 25]} for n in range(25)]
    refs = [REF | {"ann_id": n} for n in range(25)]
    with pytest.raises(DataError, match=r"instances\.json: boxes are read as pixels_xywh.*they look like pixels_xyxy"):
        refcoco(refs, instances=INSTANCES | {"annotations": boxes})


@pytest.mark.parametrize("refs", [{"predictions": []}, {}, (), None, 3, "x" * 9000, {"a": 10**5000}])
def test_refs_that_are_no_list_are_one_error(refcoco, refs):
    with pytest.raises(DataError, match="must hold a list of refs; it holds") as caught:
        refcoco(refs)
    assert len(str(caught.value)) < 400


def test_files_that_are_missing_are_one_error(refcoco, tmp_path):
    refcoco([REF])
    paths = {"refs": "refs(unc).p", "instances": "instances.json", "images": "images"}
    for key in paths:
        wrong = {name: str(tmp_path / (path if name != key else "nope")) for name, path in paths.items()}
        with pytest.raises(DataError, match="nope"):
            read_refcoco(RefcocoSource(source="refcoco", **wrong))
    with pytest.raises(DataError, match="can't be read: Is a directory"):
        wrong = {name: str(tmp_path / path) for name, path in (paths | {"refs": "images"}).items()}
        read_refcoco(RefcocoSource(source="refcoco", **wrong))


values = st.sampled_from(
    [None, True, -1, 1.5, float("nan"), 10**400, "", "\ud800", "x" * 3000, [], {}, [[1]], {"id": 1}]
)


def places(tree, path=()):
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


@given(st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_of_refs_or_instances_gives_rows_or_reasons(refcoco, data):
    both = copy.deepcopy({"refs": [REF], "instances": INSTANCES})
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(list(places(both))))
        node = both
        for key in way:
            node = node[key]
        node[last] = copy.deepcopy(data.draw(values))
    try:
        result = refcoco(both["refs"], name="refs.json", instances=both["instances"])
    except DataError as error:
        str(error).encode()
        return
    for record in result.records:
        f"{record.id}{record.turns[0].question}{record.turns[0].answer}".encode()
    for row in result.refused:
        f"{row.row} {row.reason}".encode()
