import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainable.boxes import Box
from trainable.data.frames import FRAMES, judge_frame, plausible_frames, to_pixels, to_thousandths

SIZES = [(640, 480), (1920, 1080), (500, 375), (1024, 768), (4000, 3000), (800, 1200)]
side = st.integers(28, 8000)
unit = st.floats(0, 1)


def encoded(box, size, frame):
    """Write a pixel box in a frame: the opposite way of what is tested, by hand."""
    (x1, y1, x2, y2), (w, h) = box, size
    return {
        "pixels_xyxy": (x1, y1, x2, y2),
        "pixels_xywh": (x1, y1, x2 - x1, y2 - y1),
        "pixels_yxyx": (y1, x1, y2, x2),
        "unit_xyxy": (x1 / w, y1 / h, x2 / w, y2 / h),
        "unit_xywh": (x1 / w, y1 / h, (x2 - x1) / w, (y2 - y1) / h),
        "thousandths_xyxy": tuple(round(1000 * value) for value in (x1 / w, y1 / h, x2 / w, y2 / h)),
    }[frame]


def made(seed, *, kind, count=20):
    """Make a data set of boxes of all sizes, in images of one size or of many."""
    rng = random.Random(seed)
    common = rng.choice(SIZES)
    boxes = []
    for _ in range(count):
        width, height = (rng.randint(200, 2000), rng.randint(200, 2000)) if kind == "many sizes" else common
        wide, high = rng.uniform(0.05, 0.7) * width, rng.uniform(0.05, 0.7) * height
        x, y = rng.uniform(0, width - wide), rng.uniform(0, height - high)
        boxes.append((Box(x, y, x + wide, y + high), (width, height)))
    return boxes


def test_the_published_conversion():
    # QwenLM/Qwen3-VL, qwen-vl-finetune/tools/process_bbox.ipynb
    assert to_thousandths((146, 137, 615, 415), "pixels_xyxy", (640, 428)) == (228, 320, 961, 970)
    assert to_thousandths((146, 137, 469, 278), "pixels_xywh", (640, 428)) == (228, 320, 961, 970)
    assert to_thousandths((137, 146, 415, 615), "pixels_yxyx", (640, 428)) == (228, 320, 961, 970)


@given(unit, unit, unit, unit, side, side, st.sampled_from([frame for frame in FRAMES if frame != "thousandths_xyxy"]))
def test_a_box_survives_every_frame_and_the_models_within_one_unit(a, b, c, d, width, height, frame):
    box = Box(min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height)
    numbers = encoded(box, (width, height), frame)
    assert to_pixels(numbers, frame, (width, height)) == pytest.approx(box, abs=1e-6 * max(width, height))
    in_thousandths = to_thousandths(numbers, frame, (width, height))
    back = to_pixels(in_thousandths, "thousandths_xyxy", (width, height))
    for value, other, length in zip(back, box, (width, height, width, height), strict=True):
        assert abs(value - other) * 1000 / length <= 0.5 + 1e-6


@pytest.mark.parametrize("kind", ["many sizes", "one size"])
@pytest.mark.parametrize("frame", FRAMES)
def test_twenty_boxes_tell_their_frame_and_no_other_is_believed(frame, kind):
    right, caught = 0, dict.fromkeys(FRAMES, 0)
    for seed in range(100):
        boxes = [(encoded(box, size, frame), size) for box, size in made(seed, kind=kind)]
        right += plausible_frames(boxes)[0] == (frame,)
        for other in FRAMES:
            caught[other] += judge_frame(boxes, other).fault is not None
    assert right >= 99
    assert caught.pop(frame) == 0
    assert min(caught.values()) >= 99


def test_a_few_boxes_prove_nothing():
    boxes = [(encoded(box, size, "pixels_xywh"), size) for box, size in made(0, kind="one size", count=19)]
    assert plausible_frames(boxes) == ((), plausible_frames(boxes)[1])
    assert "too few boxes to tell a frame; of 19 boxes" in judge_frame(boxes, "pixels_xyxy").evidence


def test_square_images_do_not_tell_which_axis_comes_first():
    boxes = [((10.0 * n, 20.0 * n, 10.0 * n + 30, 20.0 * n + 40), (640, 640)) for n in range(30)]
    assert judge_frame(boxes, "pixels_xyxy").fault is None
    assert judge_frame(boxes, "pixels_yxyx").fault is None


def test_a_few_impossible_boxes_do_not_condemn_a_data_set():
    boxes = [(tuple(box), size) for box, size in made(1, kind="many sizes", count=100)]
    boxes[0] = ((-500.0, 0.0, 10.0, 10.0), boxes[0][1])
    boxes[1] = ((50.0, 10.0, 20.0, 30.0), boxes[1][1])
    assert judge_frame(boxes, "pixels_xyxy").fault is None
