import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.trial import AutoSource, DataConfig
from trainable.data.sources import read_sources
from trainable.data.sources.auto import resolved
from trainable.errors import DataError

COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}],
    "categories": [{"id": 7, "name": "cat"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 10, 100, 50]}],
}
ROW = {"instruction": "Who?", "output": "Me."}
XML = (
    "<annotation><filename>a.png</filename><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
    "<xmax>90</xmax><ymax>90</ymax></bndbox></object></annotation>"
)
LABEL = "0 0.5 0.5 0.5 0.5\n"
IMAGE = object()


@pytest.fixture
def made(tmp_path):
    """Write files: texts, JSON values, or an image of 200 x 100."""

    def make(files):
        for name, content in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is IMAGE:
                Image.new("RGB", (200, 100)).save(path)
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path / "data"

    return make


def read(path, **config):
    return read_sources(DataConfig.model_validate({"sources": [{"source": "auto", "path": str(path), **config}]}))


FOLDERS = {
    "coco": ({"instances.json": COCO, "images/a.png": IMAGE}, "it has images, annotations and categories"),
    "coco beside another": ({"a.json": COCO, "b.json": [], "a.png": IMAGE}, "it has images, annotations"),
    "coco among splits": ({"annotations/x.json": COCO, "b.json": COCO, "images/a.png": IMAGE}, "it has images"),
    "coco by splits": (
        {"instances_val2017.json": COCO, "images/train2017/a.png": IMAGE, "images/val2017/a.png": IMAGE},
        "it has images",
    ),
    "voc beside damage": ({"Annotations/0.xml": "<", "Annotations/a.xml": XML, "JPEGImages/a.png": IMAGE}, "XML files"),
    "voc": ({"Annotations/a.xml": XML, "JPEGImages/a.png": IMAGE}, "Annotations holds XML files"),
    "voc in capitals": ({"Annotations/a.XML": XML, "JPEGImages/a.png": IMAGE}, "Annotations holds XML files"),
    "voc in one": ({"a.xml": XML, "a.png": IMAGE}, "data holds XML files"),
    "yolo": (
        {"data.yaml": "names: [cat]", "labels/a.txt": LABEL, "images/a.png": IMAGE},
        "it holds data.yaml and text files in labels",
    ),
    "yolo by splits": (
        {"data.yaml": "names: [cat]", "labels/train/a.txt": LABEL, "images/train/a.png": IMAGE},
        "it holds data.yaml and text files in labels",
    ),
    "yolo in one": ({"classes.txt": "cat\n", "a.txt": LABEL, "a.png": IMAGE}, "it holds classes.txt and text files"),
    "rows": ({"train.json": [ROW]}, "it is a list of rows"),
    "rows in capitals": ({"train.JSON": [ROW]}, "it is a list of rows"),
    "lines": ({"train.jsonl": json.dumps(ROW)}, "it is a table (.jsonl)"),
    "llamafactory": (
        {"dataset_info.json": {"mine": {"file_name": "rows.json"}}, "rows.json": [ROW]},
        "it holds dataset_info.json with the one data set mine",
    ),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_is_read_as_what_it_is_and_a_note_says_why(made, kind):
    files, why = FOLDERS[kind]
    folder = made(files)
    result = read(folder)
    assert result.notes[0].startswith(f"{folder}: taken as {'rows' if kind == 'lines' else kind.split()[0]}, since ")
    assert why in result.notes[0]
    assert result.records
    assert len(result.refused) == (kind == "voc beside damage")


@pytest.mark.parametrize("name", ["train.parquet", "data/train-00000-of-00001.parquet"])
def test_a_folder_of_parquet_files_is_one_of_rows(made, name):
    folder = made({"README.md": "x", name: ""})
    pq.write_table(pa.Table.from_pylist([ROW]), folder / name)
    assert "it holds Parquet files" in read(folder).notes[0]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.json", [ROW], "it is a list of rows"),
        ("a.json", ROW, "it is one row"),
        ("a.json", f"{json.dumps(ROW)}\n" * 2, "it is a .json file of several values"),
        ("a.jsonl", json.dumps(ROW), "it is a table (.jsonl)"),
        ("a.csv", "instruction,output\na,b\n", "it is a table (.csv)"),
        ("a.JSON", [ROW], "it is a list of rows"),
    ],
)
def test_a_file_is_read_as_what_it_holds(made, name, content, why):
    result = read(made({name: content}) / name)
    assert why in result.notes[0]
    assert result.records


@pytest.mark.parametrize("images", ["images/val2017", "val2017"])
def test_a_coco_file_among_annotations_has_the_images_of_its_own_split(made, images):
    other = images.replace("val", "train")
    folder = made({"annotations/instances_val2017.json": COCO, f"{images}/a.png": IMAGE, f"{other}/a.png": IMAGE})
    found, _ = resolved(AutoSource(source="auto", path=str(folder / "annotations" / "instances_val2017.json")))
    assert (found.source, found.images) == ("coco", str(folder / images))


def test_a_coco_file_whose_image_lies_in_several_splits_is_refused(made):
    folder = made({"annotations/all.json": COCO, "images/a/a.png": IMAGE, "images/b/a.png": IMAGE})
    with pytest.raises(DataError, match=r"lies in 2 folders near it; give its folder by images"):
        read(folder / "annotations" / "all.json")


def test_what_the_source_says_is_passed_on(made):
    folder = made({"instances.json": COCO, "elsewhere/a.png": IMAGE})
    config = AutoSource(source="auto", path=str(folder), images=str(folder / "elsewhere"), split="train")
    found, _ = resolved(config)
    assert (found.source, found.split, found.images) == ("coco", "train", str(folder / "elsewhere"))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.json": {"questions": [], "info": {}}}, "holds questions of VQA v2; use source: vqa"),
        ({"a.json": {"1": {"imageId": "2", "question": "?"}}}, "holds questions of GQA; use source: vqa"),
        ({"a.json": [{"ref_id": 1, "ann_id": 2, "sentences": []}]}, "holds refs of RefCOCO; use source: refcoco"),
        ({"a.json": [{"image_id": 1, "category_id": 1, "bbox": [], "score": 1}]}, "a detector's output"),
        ({"a.json": {"shapes": [], "imagePath": "a.png"}}, "holds LabelMe shapes; paretune does not read it"),
        ({"x/annotations.xml": "<annotations/>"}, "holds CVAT annotations"),
        ({"train.xml": "<annotations/>", "a.png": IMAGE}, r"train\.xml: its root is <annotations>.*it is CVAT's"),
        ({"a.xml": "<boost/>", "a.png": IMAGE}, r"a\.xml: its root is <boost>; expected <annotation>"),
        ({"a.json": {"assets": {}, "tags": [], "videoSettings": {}}}, "holds a VoTT export"),
        ({"a.json": {"annotations": [], "data_subtype": "x"}}, "holds answers of VQA v2"),
        ({"a.json": [ROW], "b.json": [ROW]}, r"it holds 2 files \(a.json, b.json\) that could be a data set"),
        ({"a.json": COCO, "b.json": COCO}, "it holds 2 files"),
        ({"a.png": IMAGE}, "it holds no file that could be a data set"),
        ({"a.json": COCO}, "the image 'a.png' of .* was not found near it; give its folder by images"),
        ({"a.json": COCO | {"images": []}}, "lists no image with a file_name"),
        ({"a.json": COCO | {"images": {}}}, "lists no image with a file_name"),
        ({"a.json": COCO | {"images": [3]}}, "lists no image with a file_name"),
        ({"a.json": COCO | {"images": [{"file_name": "\0"}]}}, "was not found near it"),
        ({"a.json": COCO | {"images": [{"file_name": "\ud800" * 900}]}}, "was not found near it"),
        ({"a.xml": XML}, "holds no folder of images .*; give it by images"),
        ({"data.yaml": "names: [cat]", "labels/a.txt": LABEL}, "holds no folder of images"),
        ({"data.yaml": "names: [cat]", "labels/a.txt": LABEL, "a.png": IMAGE, "images/x": ""}, None),
        ({"dataset_info.json": {"a": {"file_name": "x"}, "b": {"file_name": "y"}}}, "names 2 data sets"),
        ({"dataset_info.json": []}, "it holds no file"),
        ({"dataset_info.json": "{"}, "is not JSON"),
        ({"dataset_dict.json": "{"}, "is not JSON"),
        ({"state.json": []}, "lists no files"),
        ({"a.parquet": "x"}, "can't be read as Parquet"),
    ],
)
def test_what_is_not_read_or_not_clear_is_one_error(made, files, reason):
    folder = made(files)
    if reason is None:
        assert read(folder).records
        return
    with pytest.raises(DataError, match=reason) as caught:
        read(folder)
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.xml", "is one XML file; Pascal VOC is a folder of them"),
        ("a.zip", "is of no known kind; expected a folder or a file that ends in"),
        ("refs(unc).p", "is of no known kind"),
        ("nope.json", "does not exist"),
    ],
)
def test_a_file_of_no_known_kind_is_one_error(made, name, reason):
    folder = made({} if name == "nope.json" else {name: "x"})
    with pytest.raises(DataError, match=reason):
        read(folder / name)


trees = st.recursive(
    st.sampled_from([None, True, 3, float("nan"), 10**400, "", "a.png", "\ud800", ROW, COCO]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["images", "annotations", "categories", "questions", "imageId", "ref_id", "file_name", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(trees, st.sampled_from(["a.json", "dataset_info.json", "state.json", "dataset_dict.json"]))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_in_a_folder_is_read_or_one_error(tmp_path, made, tree, name):
    for path in tmp_path.rglob("*.json"):
        path.unlink()
    folder = made({name: json.dumps(tree), "a.png": IMAGE})
    try:
        result = read(folder)
    except DataError as error:
        str(error).encode()
        return
    str((result.refused, result.notes)).encode()


@pytest.mark.parametrize(
    "name", ["dataset_info.json", "dataset_dict.json", "state.json", "part.parquet", "rows.json", "rows.csv"]
)
def test_the_folder_of_the_images_is_used_whatever_holds_the_rows(tmp_path, name):
    (tmp_path / name).write_text('{"mine": {"file_name": "rows.json"}}' if name == "dataset_info.json" else "[]")
    found, _ = resolved(AutoSource(source="auto", path=str(tmp_path), images="/photos"))
    assert found.image_folder == "/photos"
