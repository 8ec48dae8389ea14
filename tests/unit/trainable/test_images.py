import io

import pytest
from PIL import Image

from trainable.data.images import FileImage, image_fault, size_of
from trainable.errors import DataError


def saved(folder, image, name="a.png", **settings):
    path = folder / name
    image.save(path, **settings)
    return path


def test_an_image_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, Image.new("RGB", (80, 60), "red"), "a.jpg", exif=exif)
    assert FileImage(path).load().size == size_of(path) == (60, 80)


def test_transparent_parts_are_white(tmp_path):
    image = FileImage(saved(tmp_path, Image.new("RGBA", (8, 8), (255, 0, 0, 0)))).load()
    assert (image.mode, image.getpixel((3, 3))) == ("RGB", (255, 255, 255))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA"])
def test_every_usual_mode_becomes_rgb(tmp_path, mode):
    name = "a.tif" if mode == "CMYK" else "a.png"
    assert FileImage(saved(tmp_path, Image.new("RGB", (8, 8), "red").convert(mode), name)).load().mode == "RGB"


def test_sixteen_bits_a_channel_are_refused(tmp_path):
    path = saved(tmp_path, Image.new("I;16", (8, 8), 40000))
    with pytest.raises(DataError, match=r"a\.png has 16 or 32 bits a channel; convert it to 8 bits"):
        FileImage(path).load()


def test_an_image_that_is_cut_off_is_named(tmp_path):
    path = saved(tmp_path, Image.effect_noise((200, 200), 90).convert("RGB"), "a.jpg")
    path.write_bytes(path.read_bytes()[:2000])
    assert size_of(path) == (200, 200)
    with pytest.raises(DataError, match=r"a\.jpg is no readable image: .*truncated"):
        FileImage(path).load()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!DOCTYPE html><html></html>", "it is an HTML page, as a failed download leaves it"),
        (b"", "the file is empty"),
        (b"nothing known", "it is of no known format"),
    ],
)
def test_a_file_of_no_image_format_is_named_with_what_it_is(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        size_of(path)
    assert str(caught.value) == f"{path} is no readable image: {reason}"


def test_a_file_that_is_no_image_is_named(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("version https://git-lfs.github.com/spec/v1")
    for read in (FileImage(path).load, lambda: size_of(path)):
        with pytest.raises(DataError, match=r"a\.jpg is no readable image"):
            read()


def test_an_elongated_image_is_refused_before_the_processor_sees_it(tmp_path):
    with pytest.raises(DataError, match="has 1x201 pixels"):
        FileImage(saved(tmp_path, Image.new("RGB", (1, 201)))).load()
    assert FileImage(saved(tmp_path, Image.new("RGB", (1, 200)))).load().size == (1, 200)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_the_size_is_that_of_the_loaded_image_in_every_orientation(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.new("RGB", (80, 60), "red"), name, exif=exif)
    assert size_of(path) == FileImage(path).load().size == ((60, 80) if orientation > 4 else (80, 60))


def test_a_turned_tiff_is_turned_once(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (80, 60), "blue")
    image.paste("red", (0, 0, 40, 60))
    upright = FileImage(saved(tmp_path, image, "a.tif", exif=exif)).load()
    assert (upright.getpixel((30, 20)), upright.getpixel((30, 60))) == ((255, 0, 0), (0, 0, 255))


def test_floating_point_pixels_are_refused(tmp_path):
    path = saved(tmp_path, Image.new("F", (8, 8), 3000.0), "a.tif")
    with pytest.raises(DataError, match=r"a\.tif has 16 or 32 bits a channel"):
        FileImage(path).load()


def test_a_canvas_beyond_the_limit_of_pixels_is_refused_before_it_is_allocated(tmp_path):
    path = saved(tmp_path, Image.new("P", (8, 8)), "a.gif")
    content = bytearray(path.read_bytes())
    content[6:10] = b"\xff\xff\xff\xff"  # width and height of the canvas
    path.write_bytes(content)
    for read in (FileImage(path).load, lambda: size_of(path)):
        with pytest.raises(DataError, match=r"a\.gif is no readable image: Image size \(4294836225 pixels\)"):
            read()


def test_a_photo_with_damaged_exif_is_turned_all_the_same(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "hello"
    content = io.BytesIO()
    Image.new("RGB", (80, 60), "red").save(content, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(content.getvalue().replace(b"\x0e\x01\x02\x00", b"\x0e\x01\x07\x00"))
    assert FileImage(tmp_path / "a.jpg").load().size == size_of(tmp_path / "a.jpg") == (60, 80)


def test_later_frames_of_a_gif_may_be_damaged_or_larger(tmp_path):
    frames = [Image.effect_noise((40, 30), 90), Image.effect_noise((40, 30), 50)]
    path = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    whole = path.read_bytes()
    first = FileImage(path).load()
    second = whole.rindex(b"\x2c\0\0\0\0\x28\0\x1e\0")  # the extent of the frame: 40 x 30 at the upper left
    for content in (whole[: second + 4], whole[:-50], whole[: second + 5] + b"\x50" + whole[second + 6 :]):
        path.write_bytes(content)
        assert FileImage(path).load().tobytes() == first.tobytes()
        assert FileImage(path).load().size == size_of(path) == (40, 30)
        assert image_fault(FileImage(path)) is None
