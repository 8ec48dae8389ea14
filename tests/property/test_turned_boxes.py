"""Boxes of photos that are stored turned, against Pillow's own turning."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from trainable.boxes import Box, fault_of, upright_box
from trainable.data.images import read_header

ORIENTATION = 0x0112


@st.composite
def drawn(draw):
    """Give the size of an image and a filled rectangle in it."""
    width, height = draw(st.integers(2, 60)), draw(st.integers(2, 60))
    x1, y1 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return (width, height), Box(x1, y1, draw(st.integers(x1 + 1, width)), draw(st.integers(y1 + 1, height)))


def stored_image(size, box, orientation):
    """Save an image with a white rectangle as a camera that was turned does."""
    width, height = size
    pixels = np.zeros((height, width), np.uint8)
    pixels[box.y1 : box.y2, box.x1 : box.x2] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", exif=exif)
    file.seek(0)
    return file


def rectangle(image):
    ys, xs = np.nonzero(np.asarray(image))
    return Box(int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@given(drawn())
def test_a_turned_box_is_where_pillow_shows_it(orientation, case):
    size, box = case
    file = stored_image(size, box, orientation)
    upright = ImageOps.exif_transpose(Image.open(file))
    assert upright_box(box, size, orientation) == rectangle(upright)
    header = read_header(file)
    assert (header.orientation, header.stored, header.upright) == (orientation, size, upright.size)


@pytest.mark.parametrize("orientation", range(1, 9))
@given(drawn(), st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_turned_box_of_fractions_keeps_its_size_and_stays_inside(orientation, case, left, top):
    size, whole = case
    box = Box(whole.x1 + left, whole.y1 + top, float(whole.x2), float(whole.y2))
    turned = upright_box(box, size, orientation)
    width, height = size if orientation < 5 else size[::-1]
    assert fault_of(turned, width=width, height=height) is None
    sides = (box.x2 - box.x1, box.y2 - box.y1)
    assert (turned.x2 - turned.x1, turned.y2 - turned.y1) == pytest.approx(sides if orientation < 5 else sides[::-1])


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_is_none_turns_nothing(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    file = io.BytesIO()
    Image.new("RGB", (8, 4)).save(file, "PNG", exif=exif)
    assert read_header(file).orientation == 1
