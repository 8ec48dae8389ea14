import json

import pytest
from PIL import Image

from spaces.trial import CocoSource
from trainable.data.sources.coco import read_coco
from trainable.errors import DataError


@pytest.fixture
def coco(tmp_path):
    """Write a file of two photos and read it; changes are merged into the lists."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (200, 100)).save(photos / name)

    def read(*boxes, settings=None, **lists):
        content = {
            "images": [
                {"id": i, "file_name": f"{n}.png", "width": 200, "height": 100} for i, n in ((1, "a"), (2, "b"))
            ],
            "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}, {"id": 9, "name": "ant"}],
            "annotations": [
                {"id": n, "image_id": image, "category_id": category, "bbox": box, "iscrowd": crowd}
                for n, (image, category, box, crowd) in enumerate(boxes)
            ],
        } | lists
        path = tmp_path / "boxes.json"
        path.write_text(json.dumps(content))
        return read_coco(CocoSource(source="coco", annotations=str(path), images=str(photos), **(settings or {})))

    return read


def test_a_category_with_one_box_is_located_in_thousandths(coco):
    result = coco((1, 7, [20, 10, 100, 50], 0))
    locate = result.records[0]
    assert locate.boxes_1000 == ((100, 100, 600, 600),)
    assert locate.turns[0].question == "<image>Locate the cat."
    assert locate.turns[0].answer == (
        "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(100,100),(600,600)<|box_end|>"
    )
    assert (locate.task, locate.kind, locate.id) == ("grounding", "locate", "boxes.json#1/cat")


def test_a_photo_is_asked_for_its_categories_in_the_order_of_the_alphabet(coco):
    boxes = [(1, category, [20, 10, 100, 50], 0) for category in (8, 7, 9, 7)]
    record = coco(*boxes).records[-1]
    assert (record.task, record.turns[0].answer) == ("text", "ant, cat and dog")


def test_several_boxes_and_crowds_are_not_located_and_counted(coco):
    box = [20, 10, 100, 50]
    result = coco((1, 7, box, 0), (1, 7, box, 0), (1, 8, box, 1), (2, 9, box, 0))
    assert [record.kind for record in result.records] == ["categories", "locate", "categories"]
    assert "3 boxes of categories with more than 1 box or a crowd in a photo not located" in result.notes[-1]
    assert result.refused == ()


def test_an_edge_that_rounding_left_outside_is_put_on_the_edge(coco):
    result = coco((1, 7, [-0.004, 0, 200.006, 100.002], 0))
    assert result.records[0].boxes_1000 == ((0, 0, 1000, 1000),)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ([150, 10, 100, 50], "leaves the image of 200x100"),
        ([-5, 10, 100, 50], "leaves the image of 200x100"),
        ([20, 10, 0, 50], "x2 must exceed x1"),
        ([20, 10, 30, -4], "y2 must exceed y1"),
        ([20, 10, float("nan"), 5], "not finite"),
        ("1234", "needs image_id, category_id, bbox"),
        ([20, 10, "30", 40], "needs image_id, category_id, bbox"),
        ([20, 10, True, 40], "needs image_id, category_id, bbox"),
        ([20, 10, None, 40], "needs image_id, category_id, bbox"),
        ([20, 10, 10**400, 40], "needs image_id, category_id, bbox"),
        ([20, 10, 30], "needs image_id, category_id, bbox"),
        ("none", "needs image_id, category_id, bbox"),
    ],
)
def test_a_faulty_box_is_refused_with_its_place(coco, box, reason):
    result = coco((2, 8, [20, 10, 100, 50], 0), (1, 7, box, 0))
    (row,) = result.refused
    assert (row.row, reason in row.reason) == ("annotations 1", True), row
    assert row.file.endswith("boxes.json")


def test_a_box_too_small_for_a_thousandth_is_refused(coco):
    (row,) = coco((1, 7, [20, 10, 0.01, 50], 0)).refused
    assert "the box of 'cat' is too small" in row.reason


def test_unknown_and_doubled_ids_are_refused(coco):
    box = [20, 10, 100, 50]
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": box},
        {"id": 1, "image_id": 1, "category_id": 8, "bbox": box},
        {"id": 2, "image_id": 5, "category_id": 8, "bbox": box},
        {"id": 3, "image_id": 1, "category_id": 5, "bbox": box},
        {"id": 4, "image_id": 1, "bbox": box},
    ]
    reasons = [row.reason for row in coco(annotations=annotations).refused]
    assert [reason.split(";")[0] for reason in reasons[:3]] == [
        "the annotation id 1 stands twice",
        "the image 5 is not listed in images, or was refused",
        "the category 5 is not listed in categories, or was refused",
    ]
    assert "KeyError('category_id')" in reasons[3]


def test_images_that_are_missing_or_have_another_size_are_all_listed(coco):
    images = [
        {"id": 1, "file_name": "a.png", "width": 100, "height": 200},
        {"id": 2, "file_name": "c.png", "width": 200, "height": 100},
        {"id": 3, "file_name": "d.png", "width": 200, "height": 100},
        {"id": 4},
    ]
    reasons = [row.reason for row in coco(images=images).refused]
    assert "a.png is 200x100 seen upright, not 100x200; its boxes would be shifted" in reasons[0]
    assert "'c.png' does not exist" in reasons[1] and "'d.png' does not exist" in reasons[2]
    assert "an image needs id, file_name, width and height" in reasons[3]


@pytest.mark.parametrize(
    ("told", "box", "drawn_on", "expected"),
    [
        ((100, 200), [10, 20, 30, 40], None, (100, 100, 400, 300)),  # the size tells: drawn as seen
        ((200, 100), [20, 60, 40, 30], None, (100, 100, 400, 300)),  # the size tells: drawn as stored
        ((200, 100), [20, 60, 40, 30], "stored", (100, 100, 400, 300)),
    ],
)
def test_boxes_of_a_photo_turned_by_exif_are_turned_where_they_were_drawn_on_it_as_stored(
    coco, tmp_path, told, box, drawn_on, expected
):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "photos" / "e.jpg", exif=exif)
    images = [{"id": 1, "file_name": "e.jpg", "width": told[0], "height": told[1]}]
    result = coco((1, 7, box, 0), images=images, settings={"drawn_on": drawn_on})
    assert result.records[0].boxes_1000 == (expected,)
    where = "boxes of 0" if told == (100, 200) else "boxes of 1"
    assert f"1 images are stored turned (EXIF); {where} were drawn on them as stored" in result.notes[1]


def test_a_photo_turned_by_exif_is_refused_where_its_file_says_otherwise_than_the_settings(coco, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "photos" / "e.jpg", exif=exif)
    images = [{"id": 1, "file_name": "e.jpg", "width": 200, "height": 100}]
    result = coco(images=images, settings={"drawn_on": "upright"})
    assert "e.jpg is 100x200 seen upright, not 200x100" in result.refused[0].reason


def test_several_boxes_are_located_in_one_answer_from_left_to_right_where_that_is_wished(coco):
    boxes = [(1, 7, [100, 10, 50, 50], 0), (1, 7, [20, 10, 50, 50], 0), (1, 8, [0, 0, 9, 9], 0)]
    result = coco(*boxes, settings={"max_boxes": 2})
    cats, dog = result.records[:2]
    assert cats.turns[0].question == "<image>Locate every cat."
    assert cats.turns[0].answer.endswith(
        "<|box_start|>(100,100),(350,600)<|box_end|><|box_start|>(500,100),(750,600)<|box_end|>"
    )
    assert cats.boxes_1000 == ((100, 100, 350, 600), (500, 100, 750, 600))
    assert dog.turns[0].question == "<image>Locate every dog."


def test_two_entries_of_one_file_are_refused(coco):
    image = {"id": 1, "file_name": "a.png", "width": 200, "height": 100}
    result = coco((1, 7, [20, 10, 100, 50], 0), images=[image, image | {"id": 2}])
    assert result.refused[0].reason == "the image 'a.png' is that of 1 too; its objects would be split"


def test_a_file_that_is_no_coco_is_refused_as_a_whole(coco, tmp_path):
    with pytest.raises(DataError, match="is no COCO file; it needs the lists images, annotations, categories"):
        coco(categories="none")
    path = tmp_path / "bad.json"
    path.write_text('{"images": [}')
    with pytest.raises(DataError, match=r"bad\.json:1:13 is not JSON"):
        read_coco(CocoSource(source="coco", annotations=str(path), images=str(tmp_path)))
    with pytest.raises(DataError, match=r"no\.json does not exist"):
        read_coco(CocoSource(source="coco", annotations=str(tmp_path / "no.json"), images=str(tmp_path)))
    coco()
    with pytest.raises(DataError, match=r"is no folder; set data\.sources\.images"):
        read_coco(CocoSource(source="coco", annotations=str(tmp_path / "boxes.json"), images=str(tmp_path / "no")))


def test_a_category_with_a_refused_box_has_no_single_right_box(coco):
    result = coco((1, 7, [20, 10, 100, 50], 0), (1, 7, [150, 10, 100, 50], 0), (1, 8, [20, 10, 100, 50], 0))
    assert [record.id for record in result.records] == ["boxes.json#1/dog", "boxes.json#1/categories"]
    assert result.records[-1].turns[0].answer == "cat and dog"
    assert len(result.refused) == 1
    assert "1 boxes of categories with more than 1 box" in result.notes[-1]


def test_a_photo_whose_boxes_are_all_refused_gives_no_row(coco):
    assert coco((1, 7, [150, 10, 100, 50], 0)).records == ()


def test_categories_with_one_name_are_one_category(coco):
    categories = [{"id": 7, "name": "cat"}, {"id": 8, "name": "cat"}]
    result = coco((1, 7, [20, 10, 100, 50], 0), (1, 8, [20, 10, 50, 50], 0), categories=categories)
    assert [record.turns[0].answer for record in result.records] == ["cat"]
    assert "2 boxes of categories with more than 1 box" in result.notes[-1]


@pytest.mark.parametrize(
    ("category", "reason"),
    [
        ({"id": 7, "name": "dog"}, "the category id 7 stands twice"),
        ({"id": 8}, "a category needs id and name"),
        ({"id": 8, "name": " "}, "the category's name must be a text; got ' '"),
        ({"id": 8, "name": 3}, "the category's name must be a text; got 3"),
        ({"id": [8], "name": "dog"}, "a category needs id and name"),
        ({"id": 8, "name": "a <image> dog"}, "holds a token of the model's own markup"),
        ({"id": 8, "name": '{"bbox_2d": [1, 2, 3, 4]}'}, "holds a token of the model's own markup"),
        ({"id": 8, "name": "dog<|box_end|>"}, "holds a token of the model's own markup"),
        ({"id": 8, "name": "dog\ud800"}, "half of a surrogate pair"),
        ("dog", "a category needs id and name"),
    ],
)
def test_a_faulty_category_is_refused_and_its_boxes_with_it(coco, category, reason):
    box = [20, 10, 100, 50]
    result = coco((1, 7, box, 0), (1, 8, box, 0), categories=[{"id": 7, "name": "cat"}, category])
    assert [record.kind for record in result.records] == ["locate", "categories"]
    assert (result.refused[0].row, result.refused[1].row) == ("categories 1", "annotations 1")
    assert reason in result.refused[0].reason


def test_annotations_without_ids_are_not_taken_for_one(coco):
    box = [20, 10, 100, 50]
    annotations = [{"image_id": 1, "category_id": category, "bbox": box} for category in (7, 8)]
    result = coco(annotations=annotations)
    assert [record.kind for record in result.records] == ["locate", "locate", "categories"]
    assert result.refused == ()


def test_one_image_id_that_stands_twice_is_refused(coco):
    image = {"id": 1, "file_name": "a.png", "width": 200, "height": 100}
    result = coco((1, 7, [20, 10, 100, 50], 0), images=[image, image | {"file_name": "b.png"}])
    assert result.refused[0].reason == "the image id 1 stands twice"
    assert result.records[0].images[0].path.name == "a.png"


@pytest.mark.parametrize("name", ["x" * 5000, "a\0.png", "\ud800.png", "", 3, None])
def test_a_file_name_that_is_no_path_is_refused(coco, name):
    (row,) = coco(images=[{"id": 1, "file_name": name, "width": 200, "height": 100}]).refused
    assert (row.row, len(row.reason) < 400) == ("images 0", True)
