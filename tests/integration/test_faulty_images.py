"""Faulty images of public bug reports: each is loaded, or refused by name, as its case says."""

import json

import numpy as np
import pytest
from PIL import Image
from real_data import real_data

from spaces.trial import CocoSource, ModelConfig, RowsSource
from trainable.boxes import Box, pixels_to_thousandths
from trainable.data.images import FileImage, image_fault, size_of
from trainable.data.sources.coco import read_coco
from trainable.data.sources.rows import read_rows
from trainable.errors import DataError
from trainable.model.load import load_processor

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore")]

HOPPER = "wrong-extension/png_named.jpg"
TURNED = [
    "exif-orientation/hopper_orientation_2.jpg",
    "exif-orientation/hopper_orientation_3.webp",
    "exif-orientation/hopper_orientation_4.jpg",
    "exif-orientation/hopper_orientation_6.jpg",
    "exif-orientation/hopper_orientation_6.webp",
    "exif-orientation/hopper_orientation_7.jpg",
]
SAME_PICTURE = [  # of no orientation that EXIF knows, of another ending than its bytes, and the first of four frames
    "exif-orientation/orientation_9.jpg",
    "wrong-extension/webp_named.jpeg",
    "multi-frame/animated.webp",
]
WITH_BOXES = {
    "exif-with-boxes/coco_30_orient6.jpg": (6, "000000000030", {"potted plant", "vase"}),
    "exif-with-boxes/coco_471_orient3.jpg": (3, "000000000471", {"bus", "person"}),
}
SIZES = {  # of every image that can be loaded, upright
    HOPPER: (128, 128),
    **dict.fromkeys([*TURNED, *SAME_PICTURE], (128, 128)),
    "exif-orientation/xmp_tags_orientation_exiftool.png": (10, 10),
    "broken-metadata/broken_exif_dpi.jpg": (100, 100),
    "broken-metadata/invalid-exif.jpg": (200, 200),
    "broken-metadata/multiple_exif.jpg": (1, 1),
    "broken-metadata/empty_gps_ifd.jpg": (10, 10),
    "colour-mode/pil_sample_cmyk.jpg": (100, 100),
    "colour-mode/tiff_strip_cmyk_jpeg.tif": (100, 100),
    "colour-mode/uncompressed_la.png": (128, 128),
    "colour-mode/pil123p.png": (162, 150),
    "colour-mode/pil123rgba.png": (162, 150),
    "colour-mode/l_trns.png": (64, 64),
    "colour-mode/rgb_trns.png": (64, 64),
    "colour-mode/transparent.webp": (200, 150),
    "colour-mode/p_16.png": (128, 128),
    "high-bit-depth/mode_16bit.png": (128, 64),
    "high-bit-depth/tiff_16bit_RGB.tiff": (100, 40),
    "corrupt/truncated_app14.jpg": (100, 100),
    "corrupt/icc-after-SOF.jpg": (10, 10),
    "corrupt/no_palette.gif": (1, 1),
    "multi-frame/dispose_bgnd.gif": (100, 100),
    "multi-frame/transparent_dispose.gif": (3, 1),
    "multi-frame/multipage.tiff": (10, 10),
    "extreme-size/7x13.png": (7, 13),
    "extreme-size/1x1_l.png": (1, 1),
    "extreme-size/27x27.png": (27, 27),
    "extreme-size/690x15420.jpg": (690, 15420),
    "exif-with-boxes/coco_30_orient6.jpg": (640, 428),
    "exif-with-boxes/coco_471_orient3.jpg": (640, 427),
}
REFUSED = {
    "high-bit-depth/16bit.cropped.tif": "has 16 or 32 bits a channel; convert it to 8 bits",
    "high-bit-depth/test_1_bands_int32.tif": "has 16 or 32 bits a channel; convert it to 8 bits",
    "corrupt/truncated_jpeg.jpg": "truncated",
    "corrupt/truncated_end_chunk.png": "Truncated File Read",
    "corrupt/broken_data_stream.png": "unrecognized data stream contents",
    "corrupt/unknown_compression_method.png": "is no readable image",
    "corrupt/zero_width.gif": "is no readable image",
    "bomb/decompression_bomb.gif": "Image size (4364696535 pixels) exceeds limit",
    "bomb/decompression_bomb_extents.gif": "Image size (4307953225 pixels) exceeds limit",
    "extreme-size/600x1.png": "has 600x1 pixels; at most 200 to 1 is possible",
    "extreme-size/4021x20.png": "has 4021x20 pixels; at most 200 to 1 is possible",
    "not-an-image/zero_byte.jpg": "the file is empty",
    "not-an-image/http_404_page.jpg": "it is an HTML page, as a failed download leaves it",
    "not-an-image/hopper.heif": "it is HEIF, convert it to JPEG or PNG",
}


def path_of(name):
    return real_data("nasty-images") / name


def pixels(name):
    return np.asarray(FileImage(path_of(name)).load(), dtype=float)


def difference(first, second):
    return float(np.abs(first - second).mean())


def test_every_case_has_its_expectation():
    lines = path_of("cases.jsonl").read_text().splitlines()
    names = [json.loads(line)["file"] for line in lines]
    assert sorted(names) == sorted([*SIZES, *REFUSED])
    assert len(names) == 52


@pytest.mark.parametrize("name", SIZES)
def test_an_odd_image_is_loaded_as_rgb_in_its_upright_size(name):
    image = FileImage(path_of(name))
    loaded = image.load()
    assert (loaded.mode, loaded.size) == ("RGB", SIZES[name])
    assert image.size == size_of(path_of(name)) == SIZES[name]
    assert image_fault(image) is None
    assert image.load().tobytes() == loaded.tobytes()


@pytest.mark.parametrize("name", REFUSED)
def test_an_image_that_can_not_be_used_is_refused_by_name_and_reason(name):
    image = FileImage(path_of(name))
    with pytest.raises(DataError) as caught:
        image.load()
    assert str(caught.value).startswith(str(path_of(name)))
    assert REFUSED[name] in str(caught.value)
    assert len(str(caught.value)) - len(str(path_of(name))) < 200
    assert image_fault(image) == str(caught.value)


@pytest.mark.parametrize("name", REFUSED)
def test_a_row_with_such_an_image_is_refused_with_its_place_or_found_by_the_check_of_images(tmp_path, name):
    row = {"image": name, "question": "What?", "answer": "That."}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    result = read_rows(RowsSource(source="rows", path=str(tmp_path / "rows.jsonl"), image_folder=str(path_of(""))))
    if result.refused:
        assert [(one.row, REFUSED[name] in one.reason) for one in result.refused] == [("line 1", True)]
    else:
        assert REFUSED[name] in (image_fault(result.records[0].images[0]) or "")


@pytest.mark.parametrize("name", [*TURNED, *SAME_PICTURE])
def test_a_picture_is_turned_upright_once_and_read_by_its_bytes(name):
    upright, reference = pixels(name), FileImage(path_of(HOPPER)).load()
    assert difference(upright, np.asarray(reference, dtype=float)) < 6
    others = [np.asarray(reference.transpose(turn), dtype=float) for turn in Image.Transpose]
    assert min(difference(upright, other) for other in others) > 40


def test_an_orientation_in_xmp_counts():
    name = "exif-orientation/xmp_tags_orientation_exiftool.png"
    with Image.open(path_of(name)) as stored:
        on_white = Image.alpha_composite(Image.new("RGBA", stored.size, "white"), stored).convert("RGB")
    assert FileImage(path_of(name)).header.orientation == 3
    assert FileImage(path_of(name)).load().tobytes() == on_white.rotate(180).tobytes()
    assert on_white.rotate(180).tobytes() != on_white.tobytes()


@pytest.mark.parametrize(
    "name",
    ["uncompressed_la.png", "pil123p.png", "pil123rgba.png", "l_trns.png", "rgb_trns.png", "transparent.webp"],
)
def test_transparent_pixels_are_white_and_opaque_ones_keep_their_colour(name):
    with Image.open(path_of(f"colour-mode/{name}")) as stored:
        values = np.asarray(stored.convert("RGBA"))
    colours, alpha = values[..., :3], values[..., 3]
    found = pixels(f"colour-mode/{name}")
    assert (alpha == 0).any() and (alpha == 255).any()
    assert (found[alpha == 0] == 255).all()
    assert (found[alpha == 255] == colours[alpha == 255]).all()


def test_one_picture_has_the_same_colours_in_every_mode_that_it_is_stored_in():
    assert difference(pixels("colour-mode/pil123p.png"), pixels("colour-mode/pil123rgba.png")) < 2
    assert difference(pixels("colour-mode/pil_sample_cmyk.jpg"), pixels("colour-mode/tiff_strip_cmyk_jpeg.tif")) < 1
    assert difference(pixels("colour-mode/pil_sample_cmyk.jpg"), pixels("corrupt/truncated_app14.jpg")) < 6


def test_sixteen_bits_of_a_colour_are_scaled_and_not_clipped():
    found = pixels("high-bit-depth/tiff_16bit_RGB.tiff")
    assert len(np.unique(found)) > 100
    assert (found == 255).mean() < 0.01


@pytest.mark.parametrize("name", ["dispose_bgnd.gif", "transparent_dispose.gif", "multipage.tiff", "animated.webp"])
def test_the_first_of_several_frames_is_taken(name):
    with Image.open(path_of(f"multi-frame/{name}")) as opened:
        assert opened.n_frames > 1
        opened.seek(0)
        first = opened.convert("RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", first.size, "white"), first).convert("RGB")
    assert FileImage(path_of(f"multi-frame/{name}")).load().tobytes() == on_white.tobytes()


@pytest.mark.parametrize("max_pixels", [None, 784, 50_176, 1_003_520])
@pytest.mark.parametrize("name", [name for name, size in SIZES.items() if min(size) < 28 or max(size) > 9000])
def test_no_side_is_resized_below_a_cell_and_the_tokens_are_those_of_the_pixels(name, max_pixels):
    processor = load_processor(ModelConfig(max_pixels=max_pixels))
    image = FileImage(path_of(name))
    wide, high = processor.resized(image.size)
    made = processor.pixels(image.load())
    assert min(wide, high) >= 28
    assert (wide % 28, high % 28) == (0, 0)
    assert made.grid == (1, high // 14, wide // 14)
    assert processor.tokens(image.size) == made.tokens == wide * high // 28**2
    assert len(made.values) == 4 * made.tokens


@pytest.mark.parametrize("size", [(600, 1), (4021, 20)])
def test_the_processor_refuses_what_the_reader_refuses_as_too_elongated(size):
    with pytest.raises(DataError, match=f"refuses an image of {size[0]}x{size[1]}"):
        load_processor(ModelConfig()).resized(size)


def boxes_of(name):
    """Give the boxes that a case's own line tells, in pixels of the upright photo."""
    lines = map(json.loads, path_of("cases.jsonl").read_text().splitlines())
    what = next(line["what"] for line in lines if line["file"] == name)
    return {one["label"]: Box(*one["bbox_xyxy_upright"]) for one in json.loads(what[what.index("[") :])}


def located(tmp_path, name, boxes, **settings):
    """Read rows that ask for boxes of a photo, and give them in thousandths."""
    rows = [{"image": name, "bbox_xyxy": list(box), "phrase": label} for label, box in boxes.items()]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    config = RowsSource(
        source="rows", path=str(tmp_path / "rows.json"), image_folder=str(path_of("").resolve()), **settings
    )
    result = read_rows(config)
    return [record.boxes_1000[0] for record in result.records], [row.reason for row in result.refused]


@pytest.mark.parametrize("name", WITH_BOXES)
def test_boxes_of_a_turned_photo_lie_on_the_same_pixels_as_those_of_the_upright_one(tmp_path, name):
    orientation, original, labels = WITH_BOXES[name]
    coco = real_data("coco128-permissive")
    image, boxes = FileImage(path_of(name)), boxes_of(name)
    upright = FileImage(coco / "images" / f"{original}.jpg")
    assert (image.header.orientation, set(boxes), image.size) == (orientation, labels, upright.size)
    for box in boxes.values():
        part = tuple(round(value) for value in box)
        here, there = (np.asarray(one.load().crop(part), dtype=float) for one in (image, upright))
        assert difference(here, there) < 8
        assert difference(here[::-1, ::-1], there) > 20

    found, refused = located(tmp_path, name, boxes)
    assert refused == []
    width, height = SIZES[name]
    assert found == [pixels_to_thousandths(box, width=width, height=height) for box in boxes.values()]
    config = CocoSource(source="coco", annotations=str(coco / "instances.json"), images=str(coco / "images"))
    of_original = [r for r in read_coco(config).records if f"#{int(original)}/" in r.id and r.task == "grounding"]
    originals = {record.id.rpartition("/")[2]: record.boxes_1000[0] for record in of_original}
    for label, box in zip(boxes, found, strict=True):
        assert box == pytest.approx(originals.pop(label), abs=1)  # the case tells tenths of pixels
    assert originals == {}


def test_boxes_that_were_drawn_on_the_photo_as_it_is_stored_are_turned_with_it(tmp_path):
    name = "exif-with-boxes/coco_30_orient6.jpg"
    boxes = boxes_of(name)
    width, height = SIZES[name]
    stored = {label: Box(y1, width - x2, y2, width - x1) for label, (x1, y1, x2, y2) in boxes.items()}
    assert located(tmp_path, name, stored, drawn_on="stored") == located(tmp_path, name, boxes)
    plant = {"potted plant": stored["potted plant"]}
    assert plant["potted plant"].y2 > height
    assert "set drawn_on: stored" in located(tmp_path, name, plant)[1][0]
