import pytest

from trainable.boxes import Box, iou
from trainable.evaluation.grounding import GroundedAnswer, first_iou, matched_pairs, reaches, score_grounding
from trainable.markup import box_text
from trainable.model.family import FAMILIES

TRUE = Box(0, 0, 100, 100)
FAR = Box(500, 500, 600, 600)
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def lower(height):
    """Give a box with an IoU with ``TRUE`` of ``height`` hundredths."""
    return Box(0, 0, 100, height)


def score(*predicted, true=(TRUE,), constant=None):
    return score_grounding([GroundedAnswer(true, boxes) for boxes in predicted], constant_box_1000=constant)


def test_an_answer_without_a_box_counts_zero_and_stays_in_every_denominator():
    scores = score((TRUE,), ())
    assert scores == pytest.approx(
        {
            "grounding.miou": 0.5,
            "grounding.acc50": 0.5,
            "grounding.acc50_95": 0.5,
            "grounding.f1_50": 2 / 3,  # one pair; one box predicted, two true
            "grounding.parse_failure_rate": 0.5,
            "grounding.duplicate_rate": 0,
        }
    )


def test_an_overlap_of_exactly_one_half_is_accurate():
    scores = score((lower(50),))
    assert (scores["grounding.miou"], scores["grounding.acc50"], scores["grounding.f1_50"]) == (0.5, 1, 1)


def test_the_first_box_alone_decides_all_but_f1():
    scores = score((FAR, TRUE))
    assert (scores["grounding.miou"], scores["grounding.acc50"], scores["grounding.acc50_95"]) == (0, 0, 0)
    assert scores["grounding.f1_50"] == pytest.approx(2 / 3)


def test_the_constant_box_is_scored_on_the_same_rows_whatever_the_answers_are():
    scores = score((), (), true=(TRUE, FAR), constant=lower(50))
    controls = {name: value for name, value in scores.items() if "constant_box" in name}
    assert controls == pytest.approx(
        {
            "grounding.constant_box_miou": 0.5,
            "grounding.constant_box_acc50": 1,
            "grounding.constant_box_acc50_95": 0.1,
            "grounding.constant_box_f1_50": 2 / 3,  # in each row one pair; one box predicted, two true
        }
    )


@pytest.mark.parametrize("height", range(49, 101))
def test_an_overlap_at_a_threshold_reaches_it_and_one_just_below_does_not(height):
    reached = sum(100 * threshold <= height + 1e-6 for threshold in THRESHOLDS)
    assert score((lower(height),))["grounding.acc50_95"] == pytest.approx(reached / 10)


@pytest.mark.parametrize("height", [50, 55, 60, 65, 70, 75, 80, 85, 90, 95])
@pytest.mark.parametrize(("wide", "high"), [(0.03, 0.07), (7, 1 / 3), (1e-6, 1e2)])
def test_rounding_in_another_frame_moves_no_overlap_below_its_threshold(height, wide, high):
    true, found = (Box(x1 * wide, y1 * high, x2 * wide, y2 * high) for x1, y1, x2, y2 in (TRUE, lower(height)))
    assert reaches(iou(true, found), height / 100)


def test_the_nearest_overlap_below_a_threshold_does_not_reach_it():
    # 499999 of 1000000 thousandths squared: no two boxes in whole thousandths come closer to one half from below
    assert not reaches(499_999 / 1_000_000, 0.5)


def test_more_pairs_come_before_a_larger_sum_of_overlaps():
    true, predicted = (tuple(Box(x, 0, x + 100, 10) for x in left) for left in ((0, 31, 62), (29, 60, 91)))
    overlaps = [[iou(box, other) for other in predicted] for box in true]
    assert overlaps[0][0] == overlaps[1][1] == overlaps[2][2] == pytest.approx(71 / 129)  # three pairs, 1.65 together
    assert overlaps[1][0] == overlaps[2][1] == pytest.approx(98 / 102)  # two pairs, 1.92 together
    assert matched_pairs(GroundedAnswer(true, predicted)) == [(0, 0), (1, 1), (2, 2)]
    assert score(predicted, true=true)["grounding.f1_50"] == 1


def test_of_equally_many_pairs_those_that_overlap_most_are_taken():
    true = (Box(0, 0, 100, 10), Box(20, 0, 120, 10))  # each overlaps the other by 2/3
    assert matched_pairs(GroundedAnswer(true, true[::-1])) == [(0, 1), (1, 0)]


def test_f1_counts_over_the_boxes_of_all_rows():
    rows = [
        GroundedAnswer((TRUE, FAR), (FAR, TRUE, Box(900, 900, 950, 950))),  # 2 pairs of 2 true and 3 predicted boxes
        GroundedAnswer((TRUE, FAR, Box(0, 500, 50, 600)), (TRUE,)),  # 1 pair of 3 true boxes and 1 predicted
        GroundedAnswer((TRUE,), ()),  # a true box that nothing finds
    ]
    precision, recall = 3 / 4, 3 / 6
    expected = 2 * precision * recall / (precision + recall)
    assert score_grounding(rows, constant_box_1000=None)["grounding.f1_50"] == pytest.approx(expected)


def test_two_predictions_of_one_true_box_are_one_pair():
    assert len(matched_pairs(GroundedAnswer((TRUE,), (TRUE, TRUE, TRUE)))) == 1


def test_duplicates_are_counted_among_all_predicted_boxes():
    row = (TRUE, FAR, lower(90), Box(0, 10, 100, 100), lower(70))  # the third and the fourth repeat the first, just so
    assert score(row, (TRUE,))["grounding.duplicate_rate"] == pytest.approx(2 / 6)


def test_boxes_of_different_answers_are_no_duplicates():
    assert score((TRUE,), (TRUE,))["grounding.duplicate_rate"] == 0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("no idea", ()),
        ("", ()),
        ("<|box_start|>(0,0),(100,1100)<|box_end|>", ()),
        ("<|box_start|>(5,2),(3,4)<|box_end|>", ()),
        ("<|box_start|>(5,2),(3,4)<|box_end|>" + box_text(TRUE), (TRUE,)),
        (f"{box_text(FAR)} and {box_text(TRUE)}", (FAR, TRUE)),
        ('[{"bbox_2d": [500, 500, 600, 600]}, {"bbox_2d": [0, 0, 100, 100]}]', (FAR, TRUE)),
    ],
)
def test_possible_boxes_are_read_in_order_and_impossible_ones_left_out(answer, expected):
    assert FAMILIES["qwen2_vl"].boxes_in(answer, (640, 480)) == expected


def test_a_parse_failure_has_no_overlap():
    assert first_iou(GroundedAnswer((TRUE,), ())) == 0
