import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from trainable.boxes import Box, area, fault_of, iou, mean_box, pixels_to_thousandths
from trainable.markup import box_text, find_boxes, markup_pieces, reference_text
from trainable.model.family import FAMILIES

unit = st.integers(0, 999)


@st.composite
def boxes(draw):
    x1, y1 = draw(unit), draw(unit)
    return Box(x1, y1, draw(st.integers(x1 + 1, 1000)), draw(st.integers(y1 + 1, 1000)))


@given(boxes(), boxes())
def test_iou_equals_pycocotools(first, second):
    xywh = [np.array([[b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1]], dtype=float) for b in (first, second)]
    assert iou(first, second) == pytest.approx(mask.iou(*xywh, [0])[0, 0], abs=1e-9)


def read(text):
    return FAMILIES["qwen2_vl"].boxes_in(text, (640, 480))


@given(boxes())
def test_iou_of_a_box_with_itself_is_one(box):
    assert iou(box, box) == 1


@given(boxes(), st.text(st.characters(exclude_characters="<|>"), max_size=20))
def test_a_box_survives_its_text(box, phrase):
    text = f"so {reference_text(phrase, box)} and {box_text(box)}"
    spans = find_boxes(text)
    assert [span.box for span in spans] == [box, box]
    assert read(text) == (box, box)
    for span in spans:
        assert [float(text[start:end]) for start, end in span.numbers] == list(box)
        assert text[span.start : span.end] == box_text(box)


@given(st.text(st.sampled_from(list("<|box_start>end(),0123456789 -.")), max_size=60))
def test_garbage_is_a_parse_failure_or_a_possible_box(text):
    assert all(fault_of(box, width=1000, height=1000) is None for box in read(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(1,2),(3,4)",
        "<|box_start|>(1,2),(3,4)",
        "<|box_start|>(5,2),(3,4)<|box_end|>",
        "<|box_start|>(1,2),(1,4)<|box_end|>",
        "<|box_start|>(1,2),(3,1001)<|box_end|>",
        "<|box_start|>(1.5,2),(3,4)<|box_end|>",
        "<|box_start|>(-1,2),(3,4)<|box_end|>",
        "<|box_start|>(１,2),(3,4)<|box_end|>",
    ],
)
def test_an_impossible_box_is_a_parse_failure_and_never_clamped(text):
    assert read(text) == ()


def test_an_impossible_box_is_left_out_beside_a_possible_one():
    assert read("<|box_start|>(5,2),(3,4)<|box_end|><|box_start|>(1,2),(3,4)<|box_end|>") == (Box(1, 2, 3, 4),)


@given(
    st.lists(st.sampled_from(["<|box_start|>", "<|box_end|>", "<|object_ref_start|>", "<|im_end|>", "a", "(1,2)", ""]))
)
def test_pieces_joined_are_the_text(parts):
    text = "".join(parts)
    pieces = list(markup_pieces(text))
    assert "".join(piece for _, piece, _ in pieces) == text
    assert all(text[start : start + len(piece)] == piece for start, piece, _ in pieces)
    assert all(
        is_token == (piece in {"<|box_start|>", "<|box_end|>", "<|object_ref_start|>"}) for _, piece, is_token in pieces
    )


def test_the_published_conversion_of_qwen2_vl():
    assert pixels_to_thousandths(Box(146, 137, 615, 415), width=640, height=428) == (228, 320, 961, 970)


@given(boxes(), st.integers(1, 5000), st.integers(1, 5000))
def test_a_box_in_pixels_comes_back_within_half_a_unit(box, width, height):
    pixels = Box(box.x1 * width / 1000, box.y1 * height / 1000, box.x2 * width / 1000, box.y2 * height / 1000)
    assert pixels_to_thousandths(pixels, width=width, height=height) == pytest.approx(box, abs=0.5)


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (5, 0, 1, 5), (0, 0, 101, 5), (-1, 0, 5, 5), (0, float("nan"), 5, 5)])
def test_faulty_boxes_are_named(box):
    assert fault_of(Box(*box), width=100, height=100)


def test_the_mean_box_is_the_mean_of_the_corners():
    assert mean_box([Box(0, 0, 10, 20), Box(10, 20, 30, 40)]) == (5, 10, 20, 30)
    assert mean_box([]) is None


def test_crossed_corners_have_no_area():
    assert area(Box(5, 5, 1, 9)) == 0
    assert iou(Box(5, 5, 1, 9), Box(0, 0, 10, 10)) == 0
