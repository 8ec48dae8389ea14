"""Every folder of data by other people: it is read, in exact numbers, or refused by the name of what it holds."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from real_data import real_data

from spaces import DataConfig
from trainable.boxes import scaled
from trainable.data.frames import FRAMES, judge_frame
from trainable.data.sources import read_sources
from trainable.errors import DataError

pytestmark = pytest.mark.real

NO_TRAINING_DATA = {
    "optuna-dbs",
    "hpolib-triobjective",
    "taskset-curves",
    "trainer-logs",
    "tokenizer-qwen2vl",
}
FAULTY_BY_DESIGN = {"nasty-data", "nasty-images"}  # each file has a test of its own elsewhere

PATHS = ("path", "images", "annotations", "labels", "names", "questions", "refs", "instances", "folder", "image_folder")


def read(folder, /, **source):
    home = real_data(folder)
    source = {key: str(home / value) if key in PATHS else value for key, value in source.items()}
    return read_sources(DataConfig.model_validate({"sources": [source]}))


def auto(folder, path="."):
    return read(folder, source="auto", path=path)


def counts(result):
    tasks = Counter(record.task for record in result.records)
    return tasks["grounding"], tasks["text"], len(result.refused)


def voc(annotations="annotations", images="images", **settings):
    return {"source": "voc", "annotations": annotations, "images": images, **settings}


def coco(annotations, images=".", **settings):
    return {"source": "coco", "annotations": annotations, "images": images, **settings}


def yolo(labels, names, **settings):
    return {"source": "yolo", "labels": labels, "images": "images", "names": names, **settings}


AUTO = {"source": "auto", "path": "."}
V2 = {
    "source": "vqa",
    "questions": "vqav2/questions.json",
    "annotations": "vqav2/annotations.json",
    "images": "images/vqav2",
}
GQA = {"source": "vqa", "questions": "gqa/questions.json", "images": "images/gqa"}
ZOO = "coco_dataset/coco"
ZOO_COCO = f"{ZOO}/annotations"

# folder, how it is declared: grounding rows, text rows, refused rows
READ = [
    ("bccd-voc", AUTO, (63, 51, 1)),
    ("bccd-voc", voc("Annotations", "JPEGImages", max_boxes=30), (136, 51, 1)),
    ("cards-voc", AUTO, (46, 30, 0)),
    ("fridge-voc", AUTO, (8, 4, 0)),
    ("raccoon-voc", AUTO, (51, 56, 0)),
    ("coco128-permissive", AUTO, (53, 28, 0)),
    ("coco128-permissive", yolo("labels_yolo", "classes.yaml"), (53, 28, 0)),
    ("voc-multiformat", voc("gt_pascalvoc"), (45, 44, 0)),
    ("voc-multiformat", coco("gt_coco_v1.json", "images"), (45, 44, 0)),
    ("voc-multiformat", coco("gt_coco_v2.json", "images"), (45, 44, 0)),
    ("voc-multiformat", yolo("gt_yolo", "obj.names"), (45, 44, 0)),
    ("publaynet-docs", AUTO, (8, 6, 0)),
    ("mmpose-samples", {"source": "auto", "path": "animalpose"}, (2, 2, 0)),
    ("mmpose-samples", {"source": "auto", "path": "atrw"}, (2, 2, 0)),
    ("mmpose-samples", {"source": "auto", "path": "coco"}, (1, 4, 0)),
    ("mmpose-samples", {"source": "auto", "path": "ochuman"}, (1, 3, 0)),
    ("mmpose-samples", coco("coco/test_coco.json", "coco", max_boxes=20), (4, 4, 0)),
    ("mmpose-samples", coco("ochuman/test_ochuman.json", "ochuman", max_boxes=20), (3, 3, 0)),
    ("sahi-coco-json", {"source": "auto", "path": "coco_utils/terrain1_coco.json"}, (0, 1, 0)),
    ("sahi-coco-json", {"source": "auto", "path": "coco_utils/modified_terrain1_coco.json"}, (0, 1, 0)),
    ("sahi-coco-json", coco("coco_utils/terrain1_coco.json", "coco_utils", max_boxes=9), (1, 1, 0)),
    ("sahi-coco-json", {"source": "auto", "path": "coco_utils/combined_coco.json"}, (0, 1, 6)),  # one image is absent
    ("datumaro-format-zoo", {"source": "auto", "path": "coco_dataset/coco_roboflow/train"}, (1, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": "coco_dataset/coco_roboflow/val"}, (1, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/instances_train.json"}, (1, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/instances_val.json"}, (1, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/person_keypoints_train.json"}, (1, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/person_keypoints_val.json"}, (1, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/stuff_train.json"}, (0, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/stuff_val.json"}, (0, 1, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/image_info_train.json"}, (0, 0, 0)),  # test images
    ("datumaro-format-zoo", {"source": "auto", "path": f"{ZOO_COCO}/image_info_val.json"}, (0, 0, 0)),
    ("datumaro-format-zoo", {"source": "auto", "path": "voc_dataset/voc_dataset1"}, (2, 1, 0)),
    ("vqa-fixtures", V2, (0, 3, 0)),
    ("vqa-fixtures", GQA, (0, 1, 0)),
    ("docowl-llmdoc", AUTO, (0, 9, 1)),  # one answer is empty
    ("fmt-llamafactory", {"source": "auto", "path": "data/mllm_demo.json"}, (0, 6, 0)),
    ("fmt-llamafactory", {"source": "llamafactory", "folder": "data", "dataset": "mllm_demo"}, (0, 6, 0)),
    ("fmt-llamafactory", {"source": "auto", "path": "data/alpaca_en_demo.json"}, (0, 999, 0)),
    ("fmt-llamafactory", {"source": "auto", "path": "data/identity.json"}, (0, 91, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "tests_llm_data/alpaca.csv"}, (0, 3, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "tests_llm_data/alpaca.jsonl"}, (0, 3, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "tests_llm_data/chatml.jsonl"}, (0, 3, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "tests_llm_data/conversations.jsonl"}, (0, 3, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "tests_llm_data/swift_multi.json"}, (0, 3, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "tests_llm_data/swift_multi.jsonl"}, (0, 3, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "tests_llm_data/swift_single.csv"}, (0, 3, 0)),
    ("fmt-ms-swift", {"source": "auto", "path": "docs_all_valid.jsonl"}, (0, 12, 50)),
    ("fmt-qwen-official", {"source": "rows", "path": "demo/single_images.json", "image_folder": "."}, (0, 3, 0)),
    (
        "fmt-content-parts-zhangfaen",
        {"source": "rows", "path": "train_data/data.json", "image_folder": "."},
        (0, 1, 5),  # two media files are absent
    ),
]


@pytest.mark.parametrize(("folder", "source", "numbers"), READ)
def test_a_folder_is_read_in_exact_numbers(folder, source, numbers):
    result = read(folder, **source)
    assert counts(result) == numbers
    assert result.notes


# folder, path or how it is declared, and what the one error says
REFUSED_WHOLE = [
    ("bccd-voc", "Annotations", "holds no folder of images"),
    ("datumaro-format-zoo", "cvat_dataset", "holds CVAT annotations"),
    ("datumaro-format-zoo", "cvat_dataset/for_images/export_project", "it is CVAT's"),
    ("datumaro-format-zoo", "cvat_dataset/for_images/export_task", "it is CVAT's"),
    ("datumaro-format-zoo", "cvat_dataset/for_video", "it is CVAT's"),
    ("datumaro-format-zoo", "kitti_dataset/kitti_3d", "holds KITTI labels"),
    ("datumaro-format-zoo", "kitti_dataset/kitti_detection", "holds KITTI labels"),
    ("datumaro-format-zoo", "kitti_dataset/kitti_segmentation", "holds KITTI segmentation"),
    ("datumaro-format-zoo", "kitti_dataset/kitti_raw", "its root is <boost_serialization>; expected <annotation>"),
    ("datumaro-format-zoo", "labelme_dataset", "holds LabelMe annotations"),
    ("datumaro-format-zoo", "vgg_face2_dataset", "holds VGG Face 2 boxes"),
    ("datumaro-format-zoo", "vott_json_dataset/dataset", "holds a VoTT export"),
    ("datumaro-format-zoo", "vott_json_dataset/dataset_with_meta_file", "holds a VoTT export"),
    ("datumaro-format-zoo", "widerface_dataset", "holds WIDER FACE boxes"),
    ("datumaro-format-zoo", ZOO_COCO, "it holds 14 files"),
    ("voc-multiformat", ".", "gt_cvat.xml: its root is <annotations>; expected <annotation>; it is CVAT's"),
    ("voc-multiformat", "gt_cvat.xml", "is one XML file; Pascal VOC is a folder of them, and CVAT's is not read"),
    ("voc-multiformat", "gt_labelme/2007_000032.json", "holds LabelMe shapes"),
    ("voc-multiformat", "gt_labelme/2007_000033.json", "holds LabelMe shapes"),
    ("voc-multiformat", "gt_labelme/2007_000042.json", "holds LabelMe shapes"),
    ("voc-multiformat", "dets_coco_like.json", "every annotation has a score: it is a detector's output"),
    ("mmpose-samples", "coco/test_coco_det_AP_H_56.json", "holds COCO results (boxes with scores)"),
    ("sahi-coco-json", "coco_evaluate/result.json", "holds COCO results (boxes with scores)"),
    ("sahi-coco-json", "coco_utils/terrain2_coco.json", "'terrain2.png' of"),
    ("lvis-val-sample", ".", "was not found near it; give its folder by images"),
    ("vqa-fixtures", "vqav2/questions.json", "holds questions of VQA v2; use source: vqa"),
    ("vqa-fixtures", "vqav2/annotations.json", "holds answers of VQA v2; use source: vqa"),
    ("vqa-fixtures", "gqa/questions.json", "holds questions of GQA; use source: vqa"),
    ("vqa-fixtures", "flickr30k_entities/Sentences/4945942737.txt", "is of no known kind; expected a folder or a file"),
    ("vqa-fixtures", "flickr30k_entities", "is of no known kind: it holds no file that could be a data set"),
    ("sroie-receipts", ".", "holds receipts with key fields (SROIE)"),
    ("ui-screens", ".", "holds elements of screens as UIED finds them"),
    ("ui-screens", "uied/output/ip/497.json", "holds elements of a screen as UIED finds them"),
    ("ui-screens", "uied/output/merge/497.json", "holds elements of a screen as UIED finds them"),
    ("ui-screens", "uied/output/ocr/497.json", "holds texts of a screen as UIED finds them"),
    ("fmt-refcoco-sample", "sample_expressions_testA.json", "holds generated expressions without their refs"),
    ("fmt-llamafactory", "data", "names 104 data sets"),
    ("fmt-2u1", ".", "it holds 4 files"),
]


@pytest.mark.parametrize(("folder", "path", "reason"), REFUSED_WHOLE)
def test_what_is_not_read_is_refused_by_its_name(folder, path, reason):
    with pytest.raises(DataError) as caught:
        auto(folder, path)
    message = str(caught.value)
    assert reason in message
    assert str(real_data(folder)) in message
    assert len(message.replace(str(real_data(folder)), "")) < 500


# folder, path or how it is declared, number of rows, and what is said of each of them
REFUSED_BY_ROW = [
    ("voc-multiformat", "gt_openimages.csv", 95, "the row holds OpenImages boxes"),
    ("voc-multiformat", yolo("dets_abs_xywh", "obj.names"), 158, "a detector's output with a confidence"),
    ("voc-multiformat", yolo("dets_abs_xyx2y2", "obj.names"), 158, "a detector's output with a confidence"),
    ("voc-multiformat", yolo("dets_rel_xywh", "obj.names"), 158, "a detector's output with a confidence"),
    ("raccoon-voc", "raccoon_labels.csv", 61, "the row holds one detection box a row"),
    (
        "sahi-coco-json",
        coco("coco_utils/terrain2_coco.json", "coco_utils"),
        6,
        "terrain2.png|image 1 is not listed",
    ),
    ("datumaro-format-zoo", f"{ZOO_COCO}/captions_train.json", 1, "the category 0 is not listed in categories"),
    ("datumaro-format-zoo", f"{ZOO_COCO}/captions_val.json", 2, "the category 0 is not listed in categories"),
    ("datumaro-format-zoo", f"{ZOO_COCO}/labels_train.json", 1, "KeyError.'bbox'"),
    ("datumaro-format-zoo", f"{ZOO_COCO}/labels_val.json", 2, "KeyError.'bbox'"),
    ("datumaro-format-zoo", f"{ZOO_COCO}/panoptic_train.json", 1, "needs image_id, category_id, bbox"),
    ("datumaro-format-zoo", f"{ZOO_COCO}/panoptic_val.json", 1, "needs image_id, category_id, bbox"),
    (
        "datumaro-format-zoo",
        voc("labelme_dataset/Annotations/subset1", "labelme_dataset/Images/subset1"),
        7,
        "bndbox needs the numbers",
    ),
    ("datumaro-format-zoo", "vgg_face2_dataset/bb_landmark/loose_bb_train.csv", 3, "VGG Face 2 boxes"),
    ("datumaro-format-zoo", "vgg_face2_dataset/bb_landmark/loose_bb_test.csv", 1, "VGG Face 2 boxes"),
    ("datumaro-format-zoo", "vgg_face2_dataset/bb_landmark/loose_landmark_train.csv", 3, "VGG Face 2 boxes"),
    ("datumaro-format-zoo", "vgg_face2_dataset/bb_landmark/loose_landmark_test.csv", 1, "VGG Face 2 boxes"),
    ("datumaro-format-zoo", "vott_json_dataset/dataset_with_meta_file/dataset_meta.json", 1, "of no known format"),
    ("datumaro-format-zoo", "widerface_dataset/dataset_meta.json", 1, "of no known format"),
    ("sroie-receipts", "key/000.json", 1, "the row's columns 'company', 'date', 'address', 'total' are of no known"),
    ("sroie-receipts", "box/000.csv", 43, "are of no known format|has not the 9 cells of the header"),
    ("ui-miniwob", ".", 38, "the row holds elements of screens .UI., without a phrase for one box"),
    ("qwen-cookbooks", ".", 8, "the row's columns 'notebook', 'image', 'prompt_source', 'output' are of no known"),
    ("qwen-cookbooks", "assets/spatial_understanding/cam_infos.json", 1, "are of no known format"),
    ("fmt-llamafactory", "data/dataset_info.json", 1, "are of no known format"),
    ("fmt-ms-swift", "dataset_info.json", 111, "are of no known format"),
    ("fmt-ms-swift", "docs_grounding.jsonl", 7, "the image '/xxx/x.jpg' lies outside|cat.png' does not exist"),
    ("fmt-ms-swift", "tests_llm_data/multi_modal_2.jsonl", 3, "is a URL; download it"),
    ("fmt-ms-swift", "tests_llm_data/multi_modal_3.jsonl", 3, "is a URL; download it"),
    ("fmt-ms-swift", "tests_llm_data/swift_pre.jsonl", 3, "the row's columns 'response' are of no known format"),
    ("fmt-gui-jsonl", "os-atlas/ac_low_test.jsonl", 3, "lies outside"),
    ("fmt-gui-jsonl", "os-atlas/ac_test.jsonl", 3, "lies outside"),
    ("fmt-gui-jsonl", "os-atlas/gui_act_web_test.jsonl", 3, "lies outside"),
    ("fmt-gui-jsonl", "os-atlas/gui_odyssey_test.jsonl", 3, "lies outside"),
    ("fmt-gui-jsonl", "vlm-r1/gui_multi-image.part.jsonl", 50, "does not exist in"),
    ("fmt-2u1", "0_example_for_single_image_dataset.json", 1, "'000000033471.jpg' does not exist in"),
    ("fmt-2u1", "1_example_for_multi_image_dataset.json", 1, "'000000033471.jpg' does not exist in"),
    ("fmt-2u1", "3_example_for_dpo_dataet.json", 2, "the row holds preference pairs"),
    ("fmt-2u1", "4_example_for_grpo_dataset.json", 1, "'image_2.jpg' does not exist in"),
    ("fmt-paligemma-loc", "rows.jsonl", 5, "does not exist in|the row holds segmentation"),
    ("fmt-trl", "vision_rows.json", 2, "the image 'a.jpg' does not exist in"),
    ("fmt-qwen-official", "readme_example_0.json", 1, "'images/001.jpg' does not exist in"),
    ("fmt-qwen-official", "readme_example_1.json", 1, "'cats/001.jpg' does not exist in"),
    ("fmt-qwen-official", "bbox_conversion_oracle.json", 1, "the row holds preference or class labels"),
    ("fmt-ui-tars", "training_example.json", 1, "4 <image> tags but 0 images"),
]


@pytest.mark.parametrize(("folder", "source", "rows", "reason"), REFUSED_BY_ROW)
def test_rows_that_can_not_be_used_are_refused_one_by_one(folder, source, rows, reason):
    result = auto(folder, source) if isinstance(source, str) else read(folder, **source)
    assert (result.records, len(result.refused)) == ((), rows)
    for row in result.refused:
        assert re.search(reason, row.reason), row
        assert row.row and len(row.reason) < 600


# the file, grounding rows, text rows, and what is said of the others once every image that rows name is there
WITH_IMAGES = [
    ("fmt-2u1", "0_example_for_single_image_dataset.json", (0, 1), []),
    ("fmt-2u1", "1_example_for_multi_image_dataset.json", (0, 1), []),
    ("fmt-2u1", "4_example_for_grpo_dataset.json", (0, 0), ["0 <image> tags but 1 images"]),
    ("fmt-paligemma-loc", "rows.jsonl", (3, 1), ["the row holds segmentation"]),
    ("fmt-trl", "vision_rows.json", (0, 2), []),
    ("fmt-qwen-official", "readme_example_0.json", (0, 1), []),
    ("fmt-qwen-official", "readme_example_1.json", (0, 1), []),
    ("fmt-content-parts-zhangfaen", "train_data/data.json", (0, 5), ["the row holds videos"]),
    ("fmt-gui-jsonl", "vlm-r1/gui_multi-image.part.jsonl", (0, 0), ["0 <image> tags but 2 images"] * 50),
]


@pytest.mark.parametrize(("folder", "path", "numbers", "reasons"), WITH_IMAGES)
def test_the_list_of_missing_images_is_all_that_rows_lack(tmp_path, folder, path, numbers, reasons):
    source = {"source": "rows", "path": str(real_data(folder) / path), "image_folder": str(tmp_path)}
    while True:
        result = read(folder, **source)
        missing = {row.missing for row in result.refused if row.missing}
        if not missing:
            break
        for name in missing:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (640, 480)).save(name)
    assert counts(result) == (*numbers, len(reasons))
    assert all(reason in row.reason for row, reason in zip(result.refused, reasons, strict=True))


# photos with boxes: how they are declared, and the name of the file or folder that notes call them by
PHOTOS = {
    "bccd-voc": voc("Annotations", "JPEGImages", max_boxes=100),
    "cards-voc": voc(max_boxes=100),
    "fridge-voc": voc(max_boxes=100),
    "raccoon-voc": voc(max_boxes=100),
    "coco128-permissive": coco("instances.json", "images", max_boxes=100),
    "publaynet-docs": coco("samples.json", ".", max_boxes=100),
    "voc-multiformat": voc("gt_pascalvoc", max_boxes=100),
}


@pytest.mark.parametrize("folder", PHOTOS)
def test_photos_and_boxes_are_as_many_as_the_folder_says(folder):
    told = json.loads((real_data(folder) / "checks.json").read_text())
    result = read(folder, **PHOTOS[folder])
    located = sum(len(record.boxes_1000) for record in result.records)
    left = [int(found[1]) for note in result.notes if (found := re.search(r": (\d+) boxes of categories", note))]
    bad = len(told["bad_boxes"])
    assert any(f": {told['images']} images" in note and f"of {told['boxes']} boxes" in note for note in result.notes)
    assert sum(record.task == "text" for record in result.records) == told["images"] - told.get(
        "images_without_boxes", 0
    )
    assert len(result.refused) == bad
    assert located + sum(left) + bad == told["boxes"]


def test_one_box_without_an_area_is_refused_and_its_category_not_located_in_that_photo():
    result = read("bccd-voc", **PHOTOS["bccd-voc"])
    (row,) = result.refused
    assert (row.row, "got (504, 337, 504, 337)" in row.reason) == ("BloodImage_00338.xml object 12", True)
    located = {r.id.rpartition("/")[2] for r in result.records if "BloodImage_00338/" in r.id and r.task == "grounding"}
    (text,) = (r for r in result.records if r.id == "Annotations#BloodImage_00338/categories")
    assert "RBC" not in located and located
    assert "RBC" in text.turns[0].answer


def rows_of(result):
    """Give a data set's rows by photo and question."""
    return {(record.images[0].path.stem, record.turns[0].question): record for record in result.records}


@pytest.mark.parametrize("max_boxes", [1, 10])
@pytest.mark.parametrize(
    "other",
    [coco("gt_coco_v1.json", "images"), coco("gt_coco_v2.json", "images"), yolo("gt_yolo", "obj.names")],
    ids=["COCO v1", "COCO v2", "YOLO"],
)
def test_one_data_set_in_four_formats_gives_the_same_questions_answers_and_boxes(other, max_boxes):
    first = rows_of(read("voc-multiformat", **voc("gt_pascalvoc", max_boxes=max_boxes)))
    second = rows_of(read("voc-multiformat", **other, max_boxes=max_boxes))
    assert first.keys() == second.keys()
    for key, record in first.items():
        assert record.turns[0].answer == second[key].turns[0].answer
        assert record.boxes_1000 == second[key].boxes_1000
        for one, two in zip(record.turns[0].boxes, second[key].turns[0].boxes, strict=True):
            assert one.box_1000 == pytest.approx(two.box_1000, abs=1e-3)


def test_coco_and_yolo_give_the_same_boxes_of_the_same_photos():
    first = rows_of(read("coco128-permissive", **AUTO))
    second = rows_of(read("coco128-permissive", **yolo("labels_yolo", "classes.yaml")))
    assert first.keys() == second.keys()
    for key, record in first.items():
        width, height = record.images[0].size
        for one, two in zip(record.turns[0].boxes, second[key].turns[0].boxes, strict=True):
            here, there = (scaled(box.box_1000, (1000, 1000), (width, height)) for box in (one, two))
            assert here == pytest.approx(there, abs=0.001)  # SOURCE.md: they agree to 0.0004 pixels


@pytest.fixture(scope="module")
def boxes_px():
    """Give the boxes of photos, in pixels, and the size of each one's image."""
    found = {}

    def boxes_of(folder):
        if folder not in found:
            found[folder] = [
                (scaled(box.box_1000, (1000, 1000), record.images[0].size), record.images[0].size)
                for record in read(folder, **PHOTOS[folder]).records
                for box in record.turns[0].boxes
            ]
        return found[folder]

    return boxes_of


def written(box, frame, size):
    """Write a box of pixels in a frame."""
    unit, _, order = frame.partition("_")
    extent = {"pixels": size, "unit": (1, 1), "thousandths": (1000, 1000)}[unit]
    x1, y1, x2, y2 = scaled(box, size, extent)
    match order:
        case "xywh":
            return x1, y1, x2 - x1, y2 - y1
        case "cxcywh":
            return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
        case "yxyx":
            return y1, x1, y2, x2
        case _:
            return x1, y1, x2, y2


MANY_BOXES = [folder for folder in PHOTOS if folder != "fridge-voc"]  # that one has 8
WRONG = [
    ("pixels_xyxy", "pixels_xywh"),
    ("pixels_xywh", "pixels_xyxy"),
    ("pixels_xyxy", "pixels_yxyx"),
    ("pixels_yxyx", "pixels_xyxy"),
    ("pixels_xyxy", "thousandths_xyxy"),
    ("thousandths_xyxy", "pixels_xyxy"),
    ("pixels_xyxy", "unit_xyxy"),
    ("unit_xyxy", "pixels_xyxy"),
    ("unit_xyxy", "thousandths_xyxy"),
    ("unit_cxcywh", "unit_xyxy"),
    ("unit_cxcywh", "unit_xywh"),
    ("unit_xywh", "unit_cxcywh"),
    ("unit_xywh", "unit_xyxy"),
]


@pytest.mark.parametrize("folder", PHOTOS)
@pytest.mark.parametrize("frame", [frame for frame in FRAMES if frame != "resized_xyxy"])
def test_boxes_of_photos_are_faultless_in_the_frame_that_they_are_written_in(folder, frame, boxes_px):
    boxes = [(written(box, frame, size), size) for box, size in boxes_px(folder)]
    assert judge_frame(boxes, frame).fault is None


@pytest.mark.parametrize("folder", MANY_BOXES)
@pytest.mark.parametrize(("frame", "wrong"), WRONG)
def test_boxes_of_photos_that_are_read_in_a_wrong_frame_are_caught(folder, frame, wrong, boxes_px):
    boxes = [(written(box, frame, size), size) for box, size in boxes_px(folder)]
    assert len(boxes) >= 20
    fault = judge_frame(boxes, wrong).fault
    assert fault is not None
    assert frame in fault


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("raccoon-voc", voc(frame="pixels_xywh")),
        ("cards-voc", voc(frame="pixels_yxyx")),
        ("publaynet-docs", coco("samples.json", ".", frame="pixels_xyxy")),
        ("coco128-permissive", coco("instances.json", "images", frame="unit_xywh")),
    ],
)
def test_a_wrong_frame_that_is_declared_is_refused_with_the_right_one(folder, source):
    right = "pixels_xyxy" if source["source"] == "voc" else "pixels_xywh"
    with pytest.raises(DataError, match=f"they look like .*{right}.*; set frame"):
        read(folder, **source)


def test_every_absent_image_is_in_the_list_of_missing_ones():
    folder = real_data("lvis-val-sample")
    content = json.loads((folder / "lvis_val_part.json").read_text())
    result = read("lvis-val-sample", **coco("lvis_val_part.json"))
    assert result.records == ()
    missing = [row.missing for row in result.refused if row.missing]
    assert missing == [str(folder / image["file_name"]) for image in content["images"]]
    assert len(missing) == 20
    assert len(result.refused) == 20 + len(content["annotations"])


def test_vqa_v2_questions_have_the_answers_of_ten_people():
    folder = real_data("vqa-fixtures") / "vqav2"
    asked = json.loads((folder / "questions.json").read_text())["questions"]
    told = {one["question_id"]: one for one in json.loads((folder / "annotations.json").read_text())["annotations"]}
    result = read("vqa-fixtures", **V2)
    for record, question in zip(result.records, asked, strict=True):
        entry = told[question["question_id"]]
        said = Counter(answer["answer"] for answer in entry["answers"])
        assert len(record.references) == 10
        assert record.turns[0].answer == record.references[0]
        assert said[record.references[0]] == max(said.values())
        assert sorted(record.references) == sorted(answer["answer"] for answer in entry["answers"])
        assert record.images[0].path.stem.endswith(f"{question['image_id']:012}")


def test_gqa_questions_have_one_answer():
    told = json.loads((real_data("vqa-fixtures") / "gqa/questions.json").read_text())
    (record,) = read("vqa-fixtures", **GQA).records
    ((_, entry),) = told.items()
    assert record.turns[0].question == f"<image>{entry['question']}"
    assert (record.turns[0].answer, record.references) == (entry["answer"], ())


def test_every_folder_of_the_index_has_its_test():
    names = re.findall(r"^\| ([a-z0-9-]+) \|", (real_data(".") / "INDEX.md").read_text(), flags=re.MULTILINE)
    names = [name for name in names if name != "folder"]
    assert len(names) > 30
    tested = {folder for folder, *_ in [*READ, *REFUSED_WHOLE, *REFUSED_BY_ROW]}
    assert set(names) == tested | NO_TRAINING_DATA | FAULTY_BY_DESIGN


def test_every_file_of_rows_of_a_format_has_its_test():
    tested = {
        (folder, path)
        for folder, source, *_ in [*READ, *REFUSED_WHOLE, *REFUSED_BY_ROW]
        for path in ([source] if isinstance(source, str) else [value for key, value in source.items() if key in PATHS])
    }
    files = [
        (folder.name, str(file.relative_to(folder)))
        for folder in sorted(real_data(".").glob("fmt-*"))
        for file in sorted(folder.rglob("*"))
        if file.suffix in (".json", ".jsonl", ".csv")
    ]
    assert [file for file in files if file not in tested] == []
    assert len(files) > 25
