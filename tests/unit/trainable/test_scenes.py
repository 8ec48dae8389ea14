import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainable.boxes import Box, iou
from trainable.data.records import IMAGE_TAG
from trainable.data.scene_questions import scene_questions
from trainable.data.scenes import (
    DOMAINS,
    LATTICE_PX,
    LOOKS,
    SHAPES,
    SIDE_PX,
    Scene,
    SceneImage,
    Shape,
    draw_scene,
    make_scene,
)
from trainable.data.sources.shapes import read_shapes
from trainable.markup import find_boxes

domains = st.sampled_from(DOMAINS)
indices = st.integers(0, 10_000)


def drawn_bounds(scene: Scene, shape: Shape) -> Box:
    """Bound the pixels that change when a shape is left out: an oracle that knows nothing of its box."""
    without = dataclasses.replace(scene, shapes=tuple(other for other in scene.shapes if other is not shape))
    changed = (np.asarray(draw_scene(scene)) != np.asarray(draw_scene(without))).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    return Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


@settings(max_examples=60, deadline=None)
@given(domains, indices)
def test_a_box_bounds_the_pixels_of_its_shape(domain, index):
    scene = make_scene(domain, seed=3, index=index)

    for shape in scene.shapes:
        bounds = drawn_bounds(scene, shape)
        assert all(abs(seen - said) <= 1 for seen, said in zip(bounds, shape.box_px, strict=True))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_shape_touches_all_four_sides_of_its_box(name):
    box = Box(20, 32, 60, 80)
    shape = Shape(name, "red", (215, 50, 50), box)
    scene = dataclasses.replace(make_scene("base", seed=0, index=0), shapes=(shape,))

    assert drawn_bounds(scene, shape) == box


@settings(max_examples=30, deadline=None)
@given(domains, indices)
def test_the_same_name_always_gives_the_same_picture(domain, index):
    first, second = SceneImage(domain, 5, index), SceneImage(domain, 5, index)

    assert first.key == second.key == f"shapes/{domain}/5/{index}"
    assert first.load().tobytes() == second.load().tobytes()
    assert first.load().size == (SIDE_PX, SIDE_PX)
    assert first.load().mode == "RGB"


def test_seeds_and_indices_give_different_pictures():
    pictures = {SceneImage("base", seed, index).load().tobytes() for seed in range(4) for index in range(10)}

    assert len(pictures) == 40


@settings(max_examples=100, deadline=None)
@given(domains, indices)
def test_shapes_of_a_scene_are_told_apart_by_colour_and_by_form(domain, index):
    shapes = make_scene(domain, seed=1, index=index).shapes

    assert 1 <= len(shapes) <= 3
    assert len({shape.colour for shape in shapes}) == len({shape.name for shape in shapes}) == len(shapes)
    assert {shape.colour for shape in shapes} <= set(LOOKS[domain].colours)
    assert {shape.name for shape in shapes} <= set(LOOKS[domain].shapes)


@settings(max_examples=100, deadline=None)
@given(domains, indices)
def test_boxes_lie_on_the_lattice_inside_the_picture_and_apart(domain, index):
    boxes = [shape.box_px for shape in make_scene(domain, seed=1, index=index).shapes]

    assert all(corner % LATTICE_PX == 0 and 0 <= corner <= SIDE_PX for box in boxes for corner in box)
    assert all(box.x1 < box.x2 and box.y1 < box.y2 for box in boxes)
    assert all(iou(first, second) == 0 for first in boxes for second in boxes if first is not second)


def test_the_shifted_domain_brings_new_colours_forms_and_backgrounds_and_keeps_some():
    base, shifted = LOOKS["base"], LOOKS["shifted"]

    for ours, theirs in ((shifted.colours, base.colours), (shifted.shapes, base.shapes)):
        assert set(ours) - set(theirs)
        assert set(ours) & set(theirs)
    assert any(shifted.stripes) and not any(base.stripes)


@settings(max_examples=50, deadline=None)
@given(domains, indices)
def test_a_located_answer_parses_to_its_box(domain, index):
    scene = make_scene(domain, seed=2, index=index)
    located = [asked for asked in scene_questions(scene, domain=domain, index=index) if asked.kind == "locate"]

    assert [find_boxes(asked.answer)[0].box for asked in located] == [shape.box_1000 for shape in scene.shapes]


def test_base_describes_from_left_to_right_and_shifted_from_top_to_bottom():
    low_left = Shape("circle", "red", (215, 50, 50), Box(0, 60, 24, 84))
    high_right = Shape("square", "blue", (55, 75, 210), Box(60, 0, 84, 24))
    scene = Scene((high_right, low_left), make_scene("base", seed=0, index=0).background)

    base = scene_questions(scene, domain="base", index=1)[-1]
    shifted = scene_questions(scene, domain="shifted", index=1)[-1]

    assert base.answer == "I see the red circle and the blue square."
    assert shifted.answer == "From top to bottom: the blue square, the red circle."


def test_records_ask_one_question_about_one_picture():
    records = read_shapes(domain="shifted", scenes=20, seed=17)

    assert len({record.id for record in records}) == len(records)
    assert records[0].id == "shapes/shifted/17/0#locate"
    for record in records:
        assert len(record.images) == len(record.turns) == 1
        assert record.turns[0].question.startswith(IMAGE_TAG)
        assert (record.task == "grounding") == (record.kind == "locate") == bool(record.boxes_1000)


def test_about_half_of_the_records_locate():
    records = read_shapes(domain="shifted", scenes=300, seed=1)
    kinds = [record.kind for record in records]

    assert 0.45 < kinds.count("locate") / len(kinds) < 0.55
    assert set(kinds) == {"locate", "colour", "count", "describe"}


def test_more_scenes_extend_fewer():
    few, many = read_shapes(domain="base", scenes=3, seed=4), read_shapes(domain="base", scenes=6, seed=4)

    assert many[: len(few)] == few
