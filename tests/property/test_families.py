"""What a model reads in its own answers is what was written, whatever the family and the size of the image."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trainable.boxes import UNITS, Box, fault_of, scaled
from trainable.data.frames import resized_size
from trainable.data.records import PlacedBox, Turn
from trainable.markup import BOX_START, box_list, box_text, find_boxes, reference_text
from trainable.model.family import FAMILIES

share = st.floats(0, 1)
sizes = st.tuples(st.integers(28, 9999), st.integers(28, 9999))
every_family = pytest.mark.parametrize("name", FAMILIES)


@st.composite
def boxes(draw):
    """Give a box in exact thousandths."""
    (x1, x2), (y1, y2) = (sorted((draw(share), draw(share))) for _ in range(2))
    return Box(x1 * UNITS, y1 * UNITS, x2 * UNITS, y2 * UNITS)


def placed_turn(exact, phrase="it"):
    """Give a turn whose answer is a phrase and boxes, in whole thousandths as readers write them."""
    answer = reference_text(phrase, exact[0]) + "".join(map(box_text, exact[1:]))
    return Turn("<image>Where?", answer, boxes=tuple(PlacedBox(box) for box in exact))


@every_family
@given(st.lists(boxes(), min_size=1, max_size=4), sizes)
def test_boxes_come_back_within_half_a_unit_of_the_family(name, exact, resized):
    family = FAMILIES[name]
    width, height = family.extent(resized)
    written = [family.written(box, resized) for box in exact]
    assume(all(fault_of(box, width=width, height=height) is None for box in written))
    text = family.answer(placed_turn(exact), [resized])
    read = family.boxes_in(text, resized)
    assert len(read) == len(exact)
    for box, back in zip(exact, read, strict=True):
        units = scaled(box, (UNITS, UNITS), (width, height)), scaled(back, (UNITS, UNITS), (width, height))
        assert max(abs(one - other) for one, other in zip(*units, strict=True)) <= 0.5 + 1e-6


@every_family
@given(boxes(), st.integers(28, 8000), st.integers(28, 8000))
def test_a_box_in_pixels_of_the_original_comes_back_within_one_unit(name, exact, width, height):
    assume(max(width, height) < 200 * min(width, height))
    family, resized = FAMILIES[name], resized_size((width, height))
    extent = family.extent(resized)
    box_px = scaled(exact, (UNITS, UNITS), (width, height))
    assume(fault_of(family.written(exact, resized), width=extent[0], height=extent[1]) is None)
    (read,) = family.boxes_in(family.answer(placed_turn([exact]), [resized]), resized)
    back_px = scaled(read, (UNITS, UNITS), (width, height))
    units = (width / extent[0], height / extent[1]) * 2
    assert all(abs(one - other) < unit for one, other, unit in zip(box_px, back_px, units, strict=True))


@every_family
@given(boxes(), sizes)
def test_a_box_without_exact_numbers_is_that_of_the_text(name, box, resized):
    family = FAMILIES[name]
    whole = Box(*map(round, box))
    extent = family.extent(resized)
    assume(fault_of(family.written(whole, resized), width=extent[0], height=extent[1]) is None)
    for answer in (box_text(whole), f'{{"bbox_2d": {box_list(whole)}}}'):
        text = family.answer(Turn("<image>Where?", answer), [resized])
        assert [span.box for span in find_boxes(text)] == [family.written(whole, resized)]


@every_family
@given(boxes(), sizes, st.text(max_size=20).filter(lambda text: "<|" not in text and text.strip()))
def test_a_family_writes_its_own_notation(name, box, resized, phrase):
    family = FAMILIES[name]
    text = family.answer(placed_turn([box], phrase), [resized])
    assert (BOX_START in text) == (family.notation == "native")
    assert ('"bbox_2d": [' in text) == (family.notation == "json")
    assert len(find_boxes(text)) == 1


@given(sizes)
def test_a_size_is_read_in_the_units_of_the_family(resized):
    assert {name: family.extent(resized) for name, family in FAMILIES.items()} == {
        "qwen2_vl": (UNITS, UNITS),
        "qwen2_5_vl": resized,
        "qwen3_vl": (UNITS, UNITS),
    }
