import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from spaces.trial import YoloSource
from trainable.data.sources.yolo import read_names, read_yolo
from trainable.errors import DataError

LINE = "0 0.35 0.35 0.5 0.5"


@pytest.fixture
def yolo(tmp_path):
    """Write label files beside two photos of 200 x 100 and read them."""
    for name in ("labels", "images"):
        (tmp_path / name).mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (200, 100)).save(tmp_path / "images" / name)

    def read(*files, names="cat\ndog\n", paths=("a.txt", "b.txt"), names_file="classes.txt", **config):
        for path, text in zip(paths, files, strict=False):
            (tmp_path / "labels" / path).parent.mkdir(exist_ok=True)
            (tmp_path / "labels" / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        (tmp_path / names_file).write_text(names)
        folders = {name: str(tmp_path / name) for name in ("labels", "images")}
        return read_yolo(YoloSource(source="yolo", **folders, names=str(tmp_path / names_file), **config))

    return read


def test_a_line_is_centre_and_size_as_shares(yolo):
    locate, categories = yolo(LINE).records
    assert locate.boxes_1000 == ((100, 100, 600, 600),)
    assert locate.turns[0].question == "<image>Locate the cat."
    assert (locate.id, categories.turns[0].answer) == ("labels#a/cat", "cat")


def test_blank_lines_and_empty_files_are_no_fault(yolo):
    result = yolo(f"\n{LINE}\n\n", "")
    assert (len(result.records), result.refused) == (2, ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.5", "it has 3 numbers after the class; expected 4"),
        ("0", "it has 0 numbers after the class; expected 4"),
        (f"{LINE} 0.9", "it has 5 numbers after the class: a detector's output with a confidence"),
        ("0 0.1 0.1 0.9 0.1 0.9 0.9", "expected 4; polygons and turned boxes are not read"),
        ("0 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9", "polygons and turned boxes are not read"),
        ("0 0,5 0,5 0,5 0,5", "its numbers are '0,5 0,5 0,5 0,5'; expected four"),
        ("0 a b c d", "expected four"),
        ("0 nan 0.5 0.5 0.5", "not finite"),
        ("0 1e999 0.5 0.5 0.5", "not finite"),
        ("0 0.5 0.5 0 0.5", "x2 must exceed x1"),
        ("0 0.5 0.5 0.5 -0.5", "y2 must exceed y1"),
        ("0 0.9 0.5 0.5 0.5", "leaves the image"),
        ("0 0.5 0.5 0.00001 0.5", "too small"),
    ],
)
def test_a_faulty_box_is_refused_and_its_object_still_is_in_the_photo(yolo, line, reason):
    result = yolo(f"1{line[1:]}\n{LINE}")
    assert [reason in row.reason for row in result.refused] == [True], result.refused
    assert result.records[-1].turns[0].answer == "cat and dog"


@pytest.mark.parametrize("number", ["2", "-1", "99999999999", "0000000009", "1.0", "cat", "²", "9" * 5000])
def test_a_class_that_is_not_named_is_refused_by_its_line(yolo, number):
    result = yolo(f"{LINE}\n{number} 0.5 0.5 0.5 0.5")
    (row,) = result.refused
    assert (row.row, "is none of 0 to 1" in row.reason) == ("line 2", True)
    assert len(result.records) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cat\ndog\n\n", ["cat", "dog"]),
        ("\ufeffcat\r\ndog\r\n", ["cat", "dog"]),
    ],
)
def test_names_stand_one_a_line(tmp_path, text, found):
    (tmp_path / "obj.names").write_bytes(text.encode())
    assert read_names(tmp_path / "obj.names") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("names: [cat, dog]", ["cat", "dog"]),
        ("train: x\nnames:\n  0: cat\n  1: dog\n", ["cat", "dog"]),
        ("names: {1: dog, 0: cat}", ["cat", "dog"]),
        ("names: [7, no]", ["7", "no"]),
    ],
)
def test_names_stand_in_yaml_as_list_or_mapping(tmp_path, text, found):
    (tmp_path / "data.yaml").write_text(text)
    assert read_names(tmp_path / "data.yaml") == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("names: {0: cat, 2: dog}", "needs `names`, a list or a mapping from 0 upwards"),
        ("names: {0: cat, b: dog}", "needs `names`"),
        ("names: {null: cat}", "needs `names`"),
        ("names: cat", "needs `names`"),
        ("nc: 3", "needs `names`"),
        ("- cat", "needs `names`"),
        ("", "needs `names`"),
        ("names: []", "holds no class names"),
        ("names: [cat, null]", "must be a text; got None"),
        ("names: [cat, [dog]]", "must be a text; got ['dog']"),
        ("names: [cat, '', dog]", "must be a text; got ''"),
        ("names: ['<image>']", "holds a token of the model's own markup"),
        ('names: ["\\ud800"]', "half of a surrogate pair"),
        ("names: [cat", "is no YAML"),
        ("names: !!python/object/apply:os.system [true]", "is no YAML"),
        ("date: 2020-13-45\nnames: [cat]", "is no YAML"),
        ("names: [cat]\nnames: [dog]", "is no YAML"),
        ("[" * 3000, "is no YAML"),
    ],
)
def test_names_that_are_none_are_one_error_with_the_file(tmp_path, text, reason):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DataError) as caught:
        read_names(tmp_path / "data.yaml")
    assert reason in str(caught.value) and "data.yaml" in str(caught.value)


@given(st.text(st.sampled_from(list("names: []{}0123-'\"!&*<?|>\n\t,ab.eE_~%@`\\#")), max_size=40), st.booleans())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_of_names_is_read_or_one_error(tmp_path, text, is_behind):
    (tmp_path / "data.yaml").write_text(f"names: {text}" if is_behind else text)
    try:
        assert all(isinstance(name, str) and name for name in read_names(tmp_path / "data.yaml"))
    except DataError as error:
        assert "data.yaml" in str(error)


def test_names_that_can_not_be_read_are_named(tmp_path):
    (tmp_path / "classes.txt").write_bytes(b"\xff")
    for name in ("classes.txt", "nope.txt", "."):
        with pytest.raises(DataError, match=r"the class names .* can't be read"):
            read_names(tmp_path / name)


def test_labels_and_images_may_lie_in_folders_of_one_name(yolo, tmp_path):
    (tmp_path / "images" / "train").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / "train" / "c.JPG")
    result = yolo(LINE, paths=("train/c.txt",))
    assert (result.records[0].id, result.refused) == ("labels#train/c/cat", ())


def test_a_photo_that_is_missing_is_listed_by_a_path(yolo):
    (row,) = yolo(LINE, paths=("c.txt",)).refused
    assert "there is no image c.jpg, .png, … in" in row.reason
    assert row.missing and row.missing.endswith("images/c.jpg")


def test_a_file_that_can_not_be_read_is_refused(yolo, tmp_path):
    (tmp_path / "labels" / "b.txt").mkdir()
    result = yolo(b"\xff\xfe\xff")
    assert [row.row for row in result.refused] == ["file", "file"]
    assert all("can't be read" in row.reason for row in result.refused)


def test_two_files_about_one_image_are_refused(yolo, tmp_path):
    (tmp_path / "images" / "b.png").unlink()
    (tmp_path / "images" / "b.png").symlink_to(tmp_path / "images" / "a.png")
    result = yolo(LINE, LINE)
    assert result.refused[0].reason == "its image is that of a.txt too; its objects would be split"


def test_an_image_that_is_none_is_refused(yolo, tmp_path):
    (tmp_path / "images" / "a.png").write_text("no image")
    assert "is no readable image" in yolo(LINE).refused[0].reason


def test_boxes_of_another_frame_refuse_the_whole_folder(yolo):
    lines = [f"0 {0.02 * n} {0.02 * n} {0.02 * n + 0.2} {0.02 * n + 0.2}" for n in range(40)]
    with pytest.raises(DataError, match=r"boxes are read as unit_cxcywh.*they look like unit_xyxy"):
        yolo("\n".join(lines))


def test_folders_that_are_missing_or_empty_are_one_error(yolo, tmp_path):
    with pytest.raises(DataError, match=r"labels holds no label file \(\.txt\)"):
        yolo()
    names = str(tmp_path / "classes.txt")
    for labels, images, key in (("no", "images", "labels"), ("labels", "no", "images")):
        config = YoloSource(source="yolo", labels=str(tmp_path / labels), images=str(tmp_path / images), names=names)
        with pytest.raises(DataError, match=rf"is no folder; set data\.sources\.{key}"):
            read_yolo(config)
