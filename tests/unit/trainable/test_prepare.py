from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import PlainImage, made_record

from spaces.trial import DataConfig, ModelConfig
from trainable.boxes import Box
from trainable.data.prepare import image_tokens, length_fault, longest_length, prepared, token_length
from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.data.render import render
from trainable.data.sources import ReadResult
from trainable.errors import DataError
from trainable.markup import box_text, point_text, reference_text
from trainable.model.family import FAMILIES
from trainable.model.load import load_processor

COLOURS = ["red", "green", "blue", "yellow", "black", "white", "orange", "purple"]


@pytest.fixture(scope="module")
def processor():
    return load_processor(ModelConfig())


def config(**settings):
    return DataConfig.model_validate({"sources": [{"source": "shapes"}], **settings})


def rows(*, long=()):
    """Give a row for each colour; those named have a long answer."""
    return [
        made_record("What?", "word " * (400 if colour in long else 1), colour=colour, name=f"rows.json#{colour}")
        for colour in COLOURS
    ]


def test_a_row_that_is_too_long_is_refused_with_its_length_and_its_images(processor):
    (record,) = rows(long=["red"])[:1]
    length, images = token_length(record, processor), image_tokens(record, processor)
    data = prepared(ReadResult(tuple(rows(long=["red"]))), config(max_length=300, search_share=0.3), processor)
    (refused,) = data.too_long
    assert (refused.file, refused.row) == ("rows.json", "red")
    assert refused.reason == (
        f"it has {length} tokens, {images} of them of images; data.max_length is 300, nothing is cut"
    )
    assert (images, length > 300) == (16, True)
    kept = [r for name in ("train", "search", "confirm", "test") for r in getattr(data.split, name)]
    assert {r.id for r in kept} == {f"rows.json#{colour}" for colour in COLOURS if colour != "red"}


def test_the_longest_row_that_is_allowed_is_kept(processor):
    (record,) = rows(long=["red"])[:1]
    length = token_length(record, processor)
    assert length_fault(record, processor, config(max_length=length)) is None
    assert length_fault(record, processor, config(max_length=length - 1)) is not None


def test_the_other_rows_are_split_as_if_no_row_were_too_long(processor):
    short, long = (
        prepared(ReadResult(tuple(rows(long=names))), config(max_length=300), processor) for names in ([], ["green"])
    )
    for name in ("train", "search", "confirm", "test"):
        ids = [r.id for r in getattr(short.split, name) if r.id != "rows.json#green"]
        assert [r.id for r in getattr(long.split, name)] == ids


def test_a_split_whose_rows_are_all_too_long_is_one_error_with_the_first_reason(processor):
    with pytest.raises(DataError, match=r"every row of the split train is refused, the first since it has \d+ tokens"):
        prepared(ReadResult(tuple(rows(long=COLOURS))), config(max_length=300), processor)


def test_without_a_processor_nothing_is_too_long():
    data = prepared(ReadResult(tuple(rows(long=COLOURS))), config(max_length=16), None)
    assert data.too_long == ()


def test_an_image_that_the_processor_refuses_is_a_reason(processor):
    record = replace(rows()[0], images=(PlainImage("red", (1, 400)),))
    assert "the image processor refuses an image of 1x400" in length_fault(record, processor, config())


def test_a_row_whose_name_holds_a_number_sign_is_refused_by_its_place(processor):
    long = [replace(record, id=f"boxes.json#{n}/c#") for n, record in enumerate(rows(long=["red"]))]
    (refused,) = prepared(ReadResult(tuple(long)), config(max_length=300, search_share=0.3), processor).too_long
    assert (refused.file, refused.row) == ("boxes.json", "0/c#")


GROWING = "\U0001d160\u0958\ufb2c\u2adc\u0344"
"""Letters that composing makes longer."""

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(
        st.sampled_from(list(GROWING + "é\u0301가각漢字🙂👩\u200d🔬\u0928\u093f \t\n\x00\x1f\\\"'/<|>0")), max_size=40
    ),
    st.sampled_from(
        ["<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|vision_start|>", '"bbox_2d":', "<|box_start|>", "```json"]
    ),
)
coordinate = st.integers(0, 999)


@st.composite
def boxes(draw):
    x1, y1 = draw(coordinate), draw(coordinate)
    return Box(x1, y1, draw(st.integers(x1 + 1, 1000)), draw(st.integers(y1 + 1, 1000)))


@st.composite
def answers(draw):
    """Give an answer of texts, boxes of both notations, references of several boxes, and points."""
    parts = []
    for _ in range(draw(st.integers(1, 5))):
        box = draw(boxes())
        phrase = draw(texts).replace("<|", "")
        listed = ", ".join(str(round(value)) for value in box)
        several = reference_text(phrase, box) + "".join(map(box_text, draw(st.lists(boxes(), max_size=9))))
        parts.append(
            draw(st.sampled_from([phrase, box_text(box), several, f'{{"bbox_2d": [{listed}]}}', point_text(*box[:2])]))
        )
    return "".join(parts)


@st.composite
def records(draw):
    sides = st.integers(1, 300)
    images = [
        PlainImage(f"{n}", (wide, high))
        for n, (wide, high) in enumerate(draw(st.lists(st.tuples(sides, sides), max_size=3)))
        if max(wide, high) < 200 * min(wide, high)
    ]
    turns = []
    for number in range(draw(st.integers(1, 3))):
        question = (IMAGE_TAG * len(images) if number == 0 else "") + draw(texts).replace(IMAGE_TAG, "")
        markup = ()
        if images and draw(st.booleans()):
            start, placed = len(question), reference_text("it", draw(boxes()))
            spans = [(placed.index(mark), mark) for mark in ("<|object_ref_start|>", "<|object_ref_end|>")]
            spans += [(placed.index(mark), mark) for mark in ("<|box_start|>", "<|box_end|>")]
            markup = tuple((start + at, start + at + len(mark)) for at, mark in spans)
            question += placed
        turns.append(Turn(question, draw(answers()), markup=markup, is_asked=number == 0 or draw(st.booleans())))
    return Record("row", "text", "made", tuple(images), tuple(turns), system=draw(st.none() | texts))


@pytest.mark.parametrize("family", FAMILIES)
@given(record=records())
@settings(max_examples=400, deadline=None)
def test_no_row_is_longer_than_its_bound(processor, family, record):
    of_family = replace(processor, family=FAMILIES[family])
    try:
        length = len(render(record, of_family).ids)
    except DataError:
        return
    assert length <= longest_length(record, of_family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("text", [*GROWING, '"', "\\", "\x01", "\n", "🙂", "漢", " ", "<|im_end|>", "a"])
def test_no_row_of_one_letter_again_and_again_is_longer_than_its_bound(processor, family, text):
    of_family = replace(processor, family=FAMILIES[family])
    box = Box(100, 100, 900, 900)
    answer = reference_text(text * 500, box) + box_text(box) * 20
    record = made_record(text * 500, answer)
    assert token_length(record, of_family) <= longest_length(record, of_family)
