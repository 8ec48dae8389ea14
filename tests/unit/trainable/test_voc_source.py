import pytest
from PIL import Image

from spaces.trial import VocSource
from trainable.data.sources.voc import read_voc
from trainable.errors import DataError

BOX = (20, 10, 120, 60)


def thing(name="cat", box=BOX):
    corners = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=False)
    )
    return f"<object>{'' if name is None else f'<name>{name}</name>'}<bndbox>{corners}</bndbox></object>"


def annotation(*things, filename="a.png", size=(200, 100)):
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation><folder>x</folder><filename>{filename}</filename>{told}{''.join(things)}</annotation>"


@pytest.fixture
def voc(tmp_path):
    """Write XML files, by default one, beside two photos of 200 x 100 and read them."""
    for name in ("Annotations", "JPEGImages"):
        (tmp_path / name).mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (200, 100)).save(tmp_path / "JPEGImages" / name)

    def read(*files, names=("a.xml", "b.xml", "c.xml"), **settings):
        for name, text in zip(names, files, strict=False):
            (tmp_path / "Annotations" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        folders = {"annotations": str(tmp_path / "Annotations"), "images": str(tmp_path / "JPEGImages")}
        return read_voc(VocSource(source="voc", **folders, **settings))

    return read


def test_every_object_is_located_and_the_photo_asked_for_its_categories(voc):
    locate, categories = voc(annotation(thing())).records
    assert locate.boxes_1000 == ((100, 100, 600, 600),)
    assert locate.turns[0].question == "<image>Locate the cat."
    assert (locate.id, categories.id) == ("Annotations#a/cat", "Annotations#a/categories")
    assert categories.turns[0].answer == "cat"


def test_several_objects_of_a_name_are_located_in_one_answer_where_that_is_wished(voc):
    result = voc(annotation(thing(), thing(box=(0, 0, 50, 50))), max_boxes=2)
    assert result.records[0].boxes_1000 == ((0, 0, 250, 500), (100, 100, 600, 600))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation><object>", "it is no XML: no element found"),
        ("", "it is no XML"),
        (b"\xff\xfe\x00", "it is no XML"),
        ("<annotation>&nbsp;</annotation>", "it is no XML: undefined entity"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "it is no XML"),
        ("<annotations><image/></annotations>", "its root is <annotations>; expected <annotation>; it is CVAT's"),
        ("<svg/>", "its root is <svg>; expected <annotation>"),
        (annotation(thing(), size=("wide", 100)), "its size is 'wide'x'100'; expected two numbers"),
        (annotation(thing(), size=("200,0", 100)), "its size is '200,0'x'100'; expected two numbers"),
        (annotation(thing(), size=("1e999", 100)), "expected two numbers"),
        (annotation(thing(), size=("nan", 100)), "expected two numbers"),
        (annotation(thing(), size=(100, 200)), "a.png is 200x100 seen upright, not 100x200"),
        (annotation(thing(), size=(-200, -100)), "not -200x-100"),
        (annotation(thing(), filename="../../etc/passwd"), "lies outside"),
        (annotation(thing(), filename="http://x/a.png"), "is a URL"),
        (annotation(thing(), filename="z" * 5000), "is no path"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_and_the_others_are_read(voc, text, reason):
    result = voc(annotation(thing(), filename="b.png"), text)
    (row,) = result.refused
    assert (row.row, reason in row.reason, len(result.records)) == ("file", True, 2), row
    assert row.file.endswith("b.xml")


@pytest.mark.parametrize("size", [None, (0, 0), ("", "")])
def test_a_size_that_is_not_told_is_that_of_the_image(voc, size):
    assert voc(annotation(thing(), size=size)).records[0].boxes_1000 == ((100, 100, 600, 600),)


def test_a_document_that_expands_without_end_is_refused(voc):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = (
        f'<!DOCTYPE annotation [<!ENTITY e0 "aaaaaaaaaa">{entities}]><annotation><filename>&e9;</filename></annotation>'
    )
    assert "it is no XML" in voc(bomb).refused[0].reason


def test_a_document_can_not_include_a_file(voc, tmp_path):
    (tmp_path / "secret.txt").write_text("a.png")
    text = f'<!DOCTYPE annotation [<!ENTITY s SYSTEM "file://{tmp_path}/secret.txt">]>' + annotation(
        thing(), filename="&s;"
    )
    assert "it is no XML" in voc(text).refused[0].reason


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((20, 10, 20, 60), "x2 must exceed x1"),
        ((20, 10, 120, 10), "y2 must exceed y1"),
        ((120, 10, 20, 60), "x2 must exceed x1"),
        ((20, 10, 220, 60), "leaves the image of 200x100"),
        ((-5, 10, 120, 60), "leaves the image of 200x100"),
        (("20,5", 10, 120, 60), "needs the numbers xmin, ymin, xmax and ymax; got '20,5', '10', '120', '60'"),
        ((20, 10, 120), "got '20', '10', '120', None"),
        (("", 10, 120, 60), "needs the numbers xmin"),
        (("nan", 10, 120, 60), "not finite"),
        ((20, 10, "1e999", 60), "not finite"),
        ((20, 10, 20.01, 60), "too small"),
    ],
)
def test_a_faulty_box_is_refused_and_its_object_still_is_in_the_photo(voc, box, reason):
    result = voc(annotation(thing(), thing("dog", box)))
    assert [reason in row.reason for row in result.refused] == [True], result.refused
    assert [record.kind for record in result.records] == ["locate", "categories"]
    assert result.records[-1].turns[0].answer == "cat and dog"


@pytest.mark.parametrize("name", [None, "", " ", "&lt;image&gt;", "&lt;|box_start|&gt;"])
def test_an_object_without_a_usable_name_is_refused_by_its_number(voc, name):
    result = voc(annotation(thing(), thing(name)))
    assert [row.row for row in result.refused] == ["object 1"]
    assert [record.kind for record in result.records] == ["locate", "categories"]


def test_an_image_that_is_missing_is_listed_by_its_path(voc):
    (row,) = voc(annotation(thing(), filename="nope.png"), names=("nope.xml",)).refused
    assert "the image 'nope.png' does not exist" in row.reason
    assert row.missing and row.missing.endswith("JPEGImages/nope.png")


@pytest.mark.parametrize("filename", ["", "old_name.jpg"])
@pytest.mark.parametrize("image", ["c.jpg", "c.JPG", "c.Jpeg", "c.PNG"])
def test_an_image_is_found_by_the_name_of_its_file_where_filename_leads_nowhere(voc, tmp_path, filename, image):
    Image.new("RGB", (200, 100)).save(tmp_path / "JPEGImages" / image)
    result = voc(annotation(thing(), filename=filename), names=("c.xml",))
    assert result.records[0].images[0].path.name == image


def test_the_ending_of_a_file_may_be_in_capitals(voc):
    assert len(voc(annotation(thing()), names=("a.XML",)).records) == 2


def test_two_files_about_one_image_are_refused(voc):
    result = voc(annotation(thing()), annotation(thing("dog")))
    assert result.refused[0].reason == "its image is that of a.xml too; its objects would be split"
    assert len(result.records) == 2


@pytest.mark.parametrize(("told", "expected"), [((100, 200), (200, 50, 700, 350)), ((200, 100), (400, 100, 900, 600))])
def test_boxes_of_a_photo_turned_by_exif_go_where_its_size_says_that_they_were_drawn(voc, tmp_path, told, expected):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "JPEGImages" / "e.jpg", exif=exif)
    box = (20, 10, 70, 70) if told == (100, 200) else BOX
    assert voc(annotation(thing(box=box), filename="e.jpg", size=told)).records[0].boxes_1000 == (expected,)


def test_a_name_that_is_not_utf8_is_refused(voc, tmp_path):
    Image.new("RGB", (200, 100)).save(tmp_path / "JPEGImages" / "\udcff.png")
    (row,) = voc(annotation(thing(), filename=""), names=("\udcff.xml",)).refused
    assert "is not UTF-8" in row.reason
    str(row).encode()


def test_an_image_that_no_model_takes_is_refused(voc, tmp_path):
    Image.new("RGB", (1, 400)).save(tmp_path / "JPEGImages" / "c.png")
    text = annotation(*[thing(box=(0, n, 1, n + 50)) for n in range(30)], filename="c.png", size=(1, 400))
    assert "at most 200 to 1 is possible" in voc(text).refused[0].reason


def test_boxes_of_another_frame_refuse_the_whole_folder(voc):
    things = [thing(f"cat {n}", (100 + 2 * n, 10 + n, 30, 40)) for n in range(25)]
    with pytest.raises(DataError, match="they look like pixels_xywh; set frame"):
        voc(annotation(*things))
    assert len(voc(annotation(*things), frame="pixels_xywh").records) == 26


def test_folders_that_are_missing_or_empty_are_one_error(voc, tmp_path):
    with pytest.raises(DataError, match="Annotations holds no XML file"):
        voc()
    folder = str(tmp_path / "JPEGImages")
    with pytest.raises(DataError, match=r"is no folder; set data\.sources\.annotations"):
        read_voc(VocSource(source="voc", annotations=str(tmp_path / "no"), images=folder))
    with pytest.raises(DataError, match=r"is no folder; set data\.sources\.images"):
        read_voc(VocSource(source="voc", annotations=folder, images=str(tmp_path / "no")))
