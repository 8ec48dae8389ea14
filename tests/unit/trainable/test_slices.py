import dataclasses

import pytest
from made_rows import made_record

from trainable.boxes import Box
from trainable.evaluation.grounding import GroundedAnswer
from trainable.evaluation.slices import slice_scores, slices_of
from trainable.evaluation.text import TextAnswer
from trainable.markup import box_text

TRUE = Box(0, 0, 100, 100)


def grounding(*boxes, question="Where is it?", source=0):
    return dataclasses.replace(made_record(question, " ".join(map(box_text, boxes))), source=source)


@pytest.mark.parametrize(
    ("box", "name"),
    [
        (Box(0, 0, 99, 100), "size_small"),
        (Box(0, 0, 100, 100), "size_medium"),  # exactly 1 % of the image
        (Box(0, 0, 250, 400), "size_medium"),  # exactly 10 %
        (Box(0, 0, 251, 400), "size_large"),
    ],
)
def test_the_first_true_box_gives_the_size(box, name):
    assert name in slices_of(grounding(box, Box(0, 0, 1000, 1000)))


@pytest.mark.parametrize(
    ("number", "name"), [(1, "boxes_1"), (2, "boxes_2_4"), (4, "boxes_2_4"), (5, "boxes_5_up"), (9, "boxes_5_up")]
)
def test_the_number_of_true_boxes_gives_a_slice(number, name):
    assert name in slices_of(grounding(*[TRUE] * number))


@pytest.mark.parametrize(
    ("words", "name"),
    [(1, "phrase_1_4"), (4, "phrase_1_4"), (5, "phrase_5_9"), (9, "phrase_5_9"), (10, "phrase_10_up")],
)
def test_the_words_of_the_question_are_counted_without_the_tag_of_the_image(words, name):
    assert name in slices_of(grounding(TRUE, question=" ".join(["word"] * words)))


def test_a_question_without_words_has_no_slice_of_its_length():
    assert slices_of(grounding(TRUE, question=" ")) == ("source_0", "size_medium", "boxes_1")


def test_a_text_row_belongs_to_its_source_alone():
    assert slices_of(made_record("What is it?", "a red circle")) == ("source_0",)


def test_scores_and_counts_of_each_slice_are_those_of_its_rows():
    half = Box(0, 0, 100, 50)
    grounded = [
        (grounding(TRUE), GroundedAnswer((TRUE,), (half,))),
        (grounding(TRUE, source=2), GroundedAnswer((TRUE,), ())),
    ]
    text = [
        (made_record("What?", "red"), TextAnswer(("red",), "Red.")),
        (made_record("What?", "red circle"), TextAnswer(("red circle",), "red square")),
    ]
    assert slice_scores(grounded, text) == {
        "slice.source_0.rows": 3,
        "slice.source_0.grounding.miou": 0.5,
        "slice.source_0.grounding.acc50": 1,
        "slice.source_0.text.exact_match": 0.5,
        "slice.source_0.text.token_f1": 0.75,
        "slice.source_2.rows": 1,
        "slice.source_2.grounding.miou": 0,
        "slice.source_2.grounding.acc50": 0,
        **{
            f"slice.{name}.{score}": value
            for name in ("size_medium", "boxes_1", "phrase_1_4")
            for score, value in (("rows", 2), ("grounding.miou", 0.25), ("grounding.acc50", 0.5))
        },
    }


def test_without_rows_there_are_no_slices():
    assert slice_scores([], []) == {}
