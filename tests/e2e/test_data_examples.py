"""The examples of data sets, by the command, on files made as other tools make them."""

import json
import pickle

import datasets
import duckdb
import pytest
from command import paretune
from nightly import NIGHTLY
from PIL import Image
from ruamel.yaml import YAML
from swept import recorded_trials

pytestmark = pytest.mark.ray

SHORT = {
    "trial.steps": 2,
    "trial.rungs": [1],
    "trial.batch": 4,
    "trial.rung_rows": 4,
    "trial.final_rows": 6,
    "trial.max_new_tokens": 24,
    "search.trials": 2,
}
COUNT = 12


def photo(folder, number, *, shade=0):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (160, 120), (20 * number, 90, shade)).save(folder / f"{number}.png")


def box(number):
    return [4 * number, 3 * number, 4 * number + 60, 3 * number + 50]


def coco(path, images, *, shade=0, count=COUNT):
    """Write a COCO file of one cat and two dogs in each photo."""
    for number in range(count):
        photo(images, number, shade=shade)
    x, y = 3, 5
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 160, "height": 120} for n in range(count)],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 3 * n + k, "image_id": n, "category_id": 1 if k == 0 else 2, "bbox": [x + n, y + 9 * k, 60, 50]}
            for n in range(count)
            for k in range(3)
        ],
    }
    path.write_text(json.dumps(content))


def vqa(folder, suffix, images, *, shade):
    for number in range(COUNT):
        photo(images, number, shade=shade)
    questions = [{"question_id": n, "image_id": n, "question": "What is it?"} for n in range(COUNT)]
    answers = [
        {"question_id": n, "answers": [{"answer": "cat" if k < 7 else "dog"} for k in range(10)]} for n in range(COUNT)
    ]
    (folder / f"questions{suffix}.json").write_text(json.dumps({"questions": questions}))
    (folder / f"annotations{suffix}.json").write_text(json.dumps({"annotations": answers}))


def write_voc(folder):
    (folder / "Annotations").mkdir(parents=True)
    for number in range(COUNT):
        photo(folder / "JPEGImages", number)
        corners = zip(("xmin", "ymin", "xmax", "ymax"), box(number), strict=True)
        bndbox = "".join(f"<{name}>{value}</{name}>" for name, value in corners)
        objects = f"<object><name>cat</name><bndbox>{bndbox}</bndbox></object>" * 2
        size = "<size><width>160</width><height>120</height></size>"
        text = f"<annotation><filename>{number}.png</filename>{size}{objects}</annotation>"
        (folder / "Annotations" / f"{number}.xml").write_text(text)


def write_yolo(folder):
    (folder / "labels").mkdir(parents=True)
    for number in range(COUNT):
        photo(folder / "images", number, shade=99)
        (folder / "labels" / f"{number}.txt").write_text("0 0.5 0.5 0.25 0.25\n1 0.4 0.5 0.25 0.25\n")
    (folder / "data.yaml").write_text("names: {0: cup, 1: plate}\n")


def write_refcoco(folder):
    folder.mkdir()
    coco(folder / "instances.json", folder / "images")
    refs = [
        {"ref_id": n, "ann_id": 3 * n, "image_id": n, "split": "train", "sentences": [{"sent": "left cat"}]}
        for n in range(COUNT)
    ]
    (folder / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))


def write_rows(folder):
    folder.mkdir()
    for number in range(COUNT):
        photo(folder, number, shade=50)
    referring = [{"image": f"{n}.png", "bbox": box(n), "sentence": "the thing"} for n in range(COUNT)]
    captions = [{"query": "<image>Say.", "response": f"shape {n}", "images": [f"{n}.png"]} for n in range(COUNT)]
    for name, rows in (("referring", referring), ("captions", captions)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))


def write_saved(folder):
    rows = []
    for number in range(COUNT):
        photo(folder, number)
        image = datasets.Image().encode_example(Image.open(folder / f"{number}.png"))
        asked = [{"role": "user", "content": "<image>Where is it?"}]
        boxes = ["<|box_start|>(10,20),(300,400)<|box_end|>", f"shape {number}"]
        rows += [
            {"messages": [*asked, {"role": "assistant", "content": answer}], "images": [image]} for answer in boxes
        ]
    features = datasets.Features(
        {
            "messages": [{"role": datasets.Value("string"), "content": datasets.Value("string")}],
            "images": [datasets.Image()],
        }
    )
    whole = datasets.Dataset.from_list(rows, features=features)
    datasets.DatasetDict(train=whole, other=whole.select([0])).save_to_disk(folder / "saved")


def run(name, folder, examples):
    """Copy the example beside the made data, check it and sweep it."""
    (folder / f"{name}.yaml").write_text((examples / f"{name}.yaml").read_text())
    words = [part for key, value in SHORT.items() for part in ("--set", f"{key}={value}")]
    checked = paretune("check", f"{name}.yaml", *words, cwd=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert (folder / "checks" / name / "check.html").stat().st_size > 10_000
    done = paretune("sweep", f"{name}.yaml", "--out", "out", *words, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (_, first), (_, second) = recorded_trials(folder / "out")
    assert first == "COMPLETE" and second in ("COMPLETE", "PRUNED")  # a model that writes no box is stopped
    objectives = [one["metric"] for one in YAML(typ="safe").load(folder / f"{name}.yaml")["objectives"]]
    columns = ", ".join(f'"value.{objective}"' for objective in objectives)
    query = f"SELECT {columns} FROM '{folder}/out/trials/*.parquet' WHERE state = 'COMPLETE'"
    values = duckdb.sql(query).fetchall()
    assert all(value is not None for row in values for value in row)
    return checked.stdout


@NIGHTLY
def test_photos_of_voc_and_yolo_with_several_boxes_in_an_answer(tmp_path, examples):
    write_voc(tmp_path / "data")
    write_yolo(tmp_path / "more")
    said = run("photos", tmp_path, examples)
    assert "boxes read as pixels_xyxy" in said and "boxes read as unit_cxcywh" in said
    assert "kinds: 24 categories, 36 locate" in said
    f1 = duckdb.sql(f"SELECT \"metric.grounding.f1_50\" FROM '{tmp_path}/out/reports/*.parquet'").fetchall()
    assert all(0 <= value <= 1 for (value,) in f1)


@NIGHTLY
def test_referring_expressions(tmp_path, examples):
    write_refcoco(tmp_path / "refcoco")
    write_rows(tmp_path / "data")
    said = run("referring", tmp_path, examples)
    assert "refs(unc).p: 12 refs; boxes read as pixels_xywh" in said
    assert "12 rows as referring (the columns bbox and sentence)" in said


def test_boxes_and_questions_by_shares_with_a_validation_file(tmp_path, examples):
    (tmp_path / "coco").mkdir()
    (tmp_path / "vqa").mkdir()
    coco(tmp_path / "coco" / "instances_train.json", tmp_path / "coco" / "train")
    coco(tmp_path / "coco" / "instances_val.json", tmp_path / "coco" / "val", shade=10, count=4)
    vqa(tmp_path / "vqa", "", tmp_path / "vqa" / "images", shade=20)
    vqa(tmp_path / "vqa", "_val", tmp_path / "vqa" / "val", shade=30)
    said = run("mixed", tmp_path, examples)
    assert "search: 4 grounding, 16 text" in said
    copied = (tmp_path / "coco" / "train" / "3.png").read_bytes()
    (tmp_path / "coco" / "val" / "0.png").write_bytes(copied)
    leaking = paretune("check", "mixed.yaml", "--set", "data.sources.0.split=train", cwd=tmp_path)
    assert leaking.returncode == 2
    assert "1 images or texts are in two splits that sources name:" in leaking.stderr
    assert "Traceback" not in leaking.stderr


@NIGHTLY
def test_a_folder_that_datasets_saved(tmp_path, examples):
    write_saved(tmp_path / "data")
    said = run("parquet", tmp_path, examples)
    assert "24 rows as messages (the column messages)" in said
