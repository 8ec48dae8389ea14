import pytest

from spaces import METRICS
from trainable.boxes import Box
from trainable.evaluation.grounding import score_grounding
from trainable.evaluation.text import normalised, score_text, token_f1
from trainable.markup import box_text

TRUE = Box(0, 0, 100, 100)


def score(*answers, constant=None):
    return score_grounding([((TRUE,), answer) for answer in answers], constant_box_1000=constant)


def test_an_answer_without_a_box_counts_zero_and_stays_in_the_denominator():
    scores = score(box_text(TRUE), "no idea")
    assert scores == {"grounding.miou": 0.5, "grounding.acc50": 0.5, "grounding.parse_failure_rate": 0.5}


def test_an_overlap_of_exactly_one_half_is_accurate():
    scores = score(box_text(Box(0, 0, 100, 50)))
    assert (scores["grounding.miou"], scores["grounding.acc50"]) == (0.5, 1.0)


def test_a_box_out_of_range_is_a_parse_failure():
    assert score("<|box_start|>(0,0),(100,1100)<|box_end|>")["grounding.parse_failure_rate"] == 1


def test_the_constant_box_is_scored_on_the_same_rows_whatever_the_answers_are():
    scores = score("x", "y", constant=Box(0, 0, 50, 100))
    assert (scores["grounding.constant_box_miou"], scores["grounding.constant_box_acc50"]) == (0.5, 1.0)


def test_scores_carry_the_names_of_the_search_space():
    found = {*score(box_text(TRUE), constant=TRUE), *score_text([("a", "b")])}
    assert found == set(METRICS)


def test_what_the_rows_cannot_support_is_absent_and_not_zero():
    assert score_grounding([], constant_box_1000=TRUE) == {}
    assert score_text([]) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Red, circle!", "red circle"),
        ("an apple a day", "apple day"),
        ("theatre", "theatre"),
        ("It's 3.5", "its 35"),
        ("the", ""),
    ],
)
def test_texts_are_normalised_as_squad_does(text, expected):
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("the red circle", "a red circle", 1.0),
        ("red circle", "red square", 0.5),
        ("red circle and blue square", "red circle", 4 / 7),
        ("red red", "red", 2 / 3),
        ("the", "a", 1.0),
        ("the", "red", 0.0),
        ("red", "", 0.0),
    ],
)
def test_f1_counts_shared_words_with_repetition(reference, answer, expected):
    assert token_f1(reference, answer) == pytest.approx(expected)


def test_exact_match_is_judged_after_normalisation():
    scores = score_text([("It is red.", "it is RED"), ("It is red.", "It is blue.")])
    assert scores["text.exact_match"] == 0.5
    assert scores["text.token_f1"] == pytest.approx((1 + 2 / 3) / 2)
