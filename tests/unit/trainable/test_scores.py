from spaces import METRICS
from trainable.boxes import Box
from trainable.evaluation.grounding import GroundedAnswer, score_grounding
from trainable.evaluation.text import TextAnswer, score_text

TRUE = Box(0, 0, 100, 100)


def test_scores_carry_the_names_of_the_search_space():
    grounded = score_grounding([GroundedAnswer((TRUE,), (TRUE,))], constant_box_1000=TRUE)
    text = score_text([TextAnswer(("a", "a", "b"), "b")])
    assert {*grounded, *text, "text.perplexity", "text.token_accuracy"} == set(METRICS)


def test_what_the_rows_cannot_support_is_absent_and_not_zero():
    assert score_grounding([], constant_box_1000=TRUE) == {}
    assert score_text([]) == {}
    assert "grounding.duplicate_rate" not in score_grounding([GroundedAnswer((TRUE,), ())], constant_box_1000=None)
    assert "text.vqa_accuracy" not in score_text([TextAnswer(("yes", "yes"), "yes")])
