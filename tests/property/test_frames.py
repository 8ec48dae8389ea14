import os
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trainable.boxes import Box
from trainable.data.frames import (
    FRAMES,
    RESIZED_MAX_PIXELS,
    Framing,
    judge_frame,
    plausible_frames,
    resized_size,
    to_pixels,
    to_thousandths,
)

SETS = 1000 if os.environ.get("PARETUNE_NIGHTLY") else 200
"""Made data sets of each kind; all of them nightly."""

LARGE = [(1920, 1080), (1080, 1920), (4000, 3000), (2048, 1536)]
SIZES = [(640, 480), (1920, 1080), (500, 375), (1024, 768), (4000, 3000), (800, 1200)]
side = st.integers(28, 8000)
unit = st.floats(0, 1)


def encoded(box, size, frame):
    """Write a pixel box in a frame: the opposite way of what is tested, by hand."""
    (x1, y1, x2, y2), (w, h) = box, size
    wide, high = resized_size(size) if frame == "resized_xyxy" else size
    return {
        "pixels_xyxy": (x1, y1, x2, y2),
        "pixels_xywh": (x1, y1, x2 - x1, y2 - y1),
        "pixels_yxyx": (y1, x1, y2, x2),
        "unit_xyxy": (x1 / w, y1 / h, x2 / w, y2 / h),
        "unit_xywh": (x1 / w, y1 / h, (x2 - x1) / w, (y2 - y1) / h),
        "unit_yxyx": (y1 / h, x1 / w, y2 / h, x2 / w),
        "unit_cxcywh": ((x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h),
        "thousandths_xyxy": tuple(round(1000 * value) for value in (x1 / w, y1 / h, x2 / w, y2 / h)),
        "thousandths_yxyx": tuple(round(1000 * value) for value in (y1 / h, x1 / w, y2 / h, x2 / w)),
        "resized_xyxy": (x1 / w * wide, y1 / h * high, x2 / w * wide, y2 / h * high),
    }[frame]


def sizes_of(kind, rng, count):
    """Give sizes of images: of one size or of many, of any or of photos so large that resizing shrinks them."""
    match kind:
        case "one size":
            return [rng.choice(SIZES)] * count
        case "many sizes":
            return [(rng.randint(200, 2000), rng.randint(200, 2000)) for _ in range(count)]
        case "one large size":
            return [rng.choice(LARGE)] * count
        case _:
            drawn = ((rng.randint(1200, 4000), rng.randint(1200, 4000)) for _ in range(100 * count))
            large = [(width, height) for width, height in drawn if width * height >= 1.15 * RESIZED_MAX_PIXELS]
            return large[:count]


def made(seed, *, kind, count=20):
    """Make a data set of boxes of all sizes."""
    rng = random.Random(seed)
    boxes = []
    for width, height in sizes_of(kind, rng, count):
        wide, high = rng.uniform(0.05, 0.7) * width, rng.uniform(0.05, 0.7) * height
        x, y = rng.uniform(0, width - wide), rng.uniform(0, height - high)
        boxes.append((Box(x, y, x + wide, y + high), (width, height)))
    return boxes


def written(seed, frame, *, kind, count=20):
    """Make a data set and write it in a frame."""
    return [(encoded(box, size, frame), size) for box, size in made(seed, kind=kind, count=count)]


def test_the_published_conversion():
    # QwenLM/Qwen3-VL, qwen-vl-finetune/tools/process_bbox.ipynb
    assert to_thousandths((146, 137, 615, 415), "pixels_xyxy", (640, 428)) == (228, 320, 961, 970)
    assert to_thousandths((146, 137, 469, 278), "pixels_xywh", (640, 428)) == (228, 320, 961, 970)
    assert to_thousandths((137, 146, 415, 615), "pixels_yxyx", (640, 428)) == (228, 320, 961, 970)


@given(
    unit,
    unit,
    unit,
    unit,
    side,
    side,
    st.sampled_from([frame for frame in FRAMES if not frame.startswith("thousandths")]),
)
def test_a_box_survives_every_frame_and_the_models_within_one_unit(a, b, c, d, width, height, frame):
    assume(max(width, height) < 200 * min(width, height))  # no model takes others
    box = Box(min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height)
    numbers = encoded(box, (width, height), frame)
    assert to_pixels(numbers, frame, (width, height)) == pytest.approx(box, abs=1e-6 * max(width, height))
    in_thousandths = to_thousandths(numbers, frame, (width, height))
    back = to_pixels(in_thousandths, "thousandths_xyxy", (width, height))
    for value, other, length in zip(back, box, (width, height, width, height), strict=True):
        assert abs(value - other) * 1000 / length <= 0.5 + 1e-6


@given(unit, unit, unit, unit, side, side, st.sampled_from(["thousandths_xyxy", "thousandths_yxyx"]))
def test_a_box_survives_thousandths_within_half_a_unit(a, b, c, d, width, height, frame):
    box = Box(min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height)
    back = to_pixels(encoded(box, (width, height), frame), frame, (width, height))
    for value, other, length in zip(back, box, (width, height, width, height), strict=True):
        assert abs(value - other) * 1000 / length <= 0.5 + 1e-6


@given(unit, unit, unit, unit, side, side, st.sampled_from([200_704, 1_003_520, 12_845_056]))
def test_resized_boxes_are_those_of_the_budget_that_is_told(a, b, c, d, width, height, budget):
    assume(max(width, height) < 200 * min(width, height))
    box = Box(min(a, c) * width, min(b, d) * height, max(a, c) * width, max(b, d) * height)
    wide, high = resized_size((width, height), budget)
    numbers = (box.x1 / width * wide, box.y1 / height * high, box.x2 / width * wide, box.y2 / height * high)
    found = to_pixels(numbers, Framing("resized_xyxy", budget), (width, height))
    assert found == pytest.approx(box, abs=1e-6 * max(width, height))


SEEN = [frame for frame in FRAMES if not frame.endswith("yxyx") or frame == "pixels_yxyx"]
"""Frames whose numbers show them."""

MISTAKES = {
    ("pixels_xywh", "pixels_xyxy"): ["one size", "many sizes", "one large size", "many large sizes"],
    ("pixels_yxyx", "pixels_xyxy"): ["one size", "many sizes", "one large size", "many large sizes"],
    ("pixels_xyxy", "thousandths_xyxy"): ["one size", "many sizes", "one large size", "many large sizes"],
    ("resized_xyxy", "pixels_xyxy"): ["one large size", "many large sizes"],
}
"""What is in the data, what it is read as, and in which images it shows."""


@pytest.mark.parametrize("case", [(*mistake, kind) for mistake, kinds in MISTAKES.items() for kind in kinds])
def test_the_usual_mistakes_are_caught_in_99_of_100_data_sets_of_twenty_boxes(case):
    frame, other, kind = case
    caught = sum(judge_frame(written(seed, frame, kind=kind), other).fault is not None for seed in range(SETS))
    assert caught >= 0.99 * SETS


@pytest.mark.parametrize("kind", ["many sizes", "many large sizes"])
@pytest.mark.parametrize("frame", FRAMES)
def test_of_a_thousand_correct_data_sets_at_most_five_are_accused(frame, kind):
    accused = sum(judge_frame(written(seed, frame, kind=kind), frame).fault is not None for seed in range(SETS))
    assert accused <= max(1, SETS // 200)


@pytest.mark.parametrize("frame", ["pixels_xyxy", "pixels_xywh", "pixels_yxyx", "thousandths_xyxy"])
def test_correct_boxes_in_the_middle_of_large_photos_are_not_accused(frame):
    accused = 0
    for seed in range(SETS // 2):
        boxes = [
            (Box(*(0.2 * side + 0.6 * value for value, side in zip(box, size * 2, strict=True))), size)
            for box, size in made(seed, kind="many large sizes")
        ]
        accused += judge_frame([(encoded(box, size, frame), size) for box, size in boxes], frame).fault is not None
    assert accused <= SETS // 400


@pytest.mark.parametrize("kind", ["many sizes", "one size"])
@pytest.mark.parametrize("frame", [frame for frame in SEEN if frame != "resized_xyxy"])
def test_twenty_boxes_tell_their_frame(frame, kind):
    assert sum(plausible_frames(written(seed, frame, kind=kind))[0] == (frame,) for seed in range(100)) >= 98


@pytest.mark.parametrize("unit", ["unit", "thousandths"])
def test_frames_of_both_sides_alike_do_not_tell_which_axis_comes_first(unit):
    for seed in range(100):
        swapped = written(seed, f"{unit}_yxyx", kind="many sizes")
        assert plausible_frames(swapped)[0] == (f"{unit}_xyxy",)
        assert judge_frame(swapped, f"{unit}_xyxy").fault is None
        assert judge_frame(swapped, f"{unit}_yxyx").fault is None


def test_resizing_that_changes_little_is_not_seen():
    boxes = [(encoded(box, (1024, 980), "resized_xyxy"), (1024, 980)) for box, _ in made(0, kind="one size")]
    assert judge_frame(boxes, "pixels_xyxy").fault is None


def test_a_frame_that_is_declared_is_contradicted_by_impossible_boxes_alone():
    corner = [((float(n), float(n), n + 30.0, n + 20.0), (4000, 3000)) for n in range(30)]
    assert judge_frame(corner, "pixels_xyxy", is_declared=True).fault is None
    assert judge_frame(written(0, "pixels_xywh", kind="one size"), "pixels_xyxy", is_declared=True).fault


def test_faulty_boxes_of_a_correct_data_set_make_it_no_other():
    good = [((0.375, 0.375, 0.25, 0.25), (640, 480))] * 24
    assert judge_frame([*good, *[((0.9, 0.9, 0.4, 0.4), (640, 480))] * 6], "unit_cxcywh").fault is None


def test_a_few_boxes_prove_nothing():
    boxes = written(0, "pixels_xywh", kind="one size", count=19)
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
