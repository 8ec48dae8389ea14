import pytest
from PIL import Image

from trainable.data.images import FileImage, size_of
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
