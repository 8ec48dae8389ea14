"""Scores of boxes in generated answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from scipy.optimize import linear_sum_assignment

from trainable.boxes import Box, iou

ACCURATE = 0.5
"""The smallest IoU of a box that counts as found."""

_THRESHOLDS = tuple(hundredths / 100 for hundredths in range(50, 100, 5))
_DUPLICATE = 0.9

_ROUNDING = 1e-9
"""More than the rounding of numbers can do to an IoU, and less than the 5e-8 by which an IoU of boxes in whole
thousandths differs from a threshold that it is not."""


@dataclass(frozen=True)
class GroundedAnswer:
    """The boxes of one row.

    Attributes:
        true: At least one, in thousandths of the image.
        predicted: The possible boxes of the generated answer, in order and in the same frame; none is a parse failure.

    """

    true: tuple[Box, ...]
    predicted: tuple[Box, ...]


def score_grounding(answers: Sequence[GroundedAnswer], *, constant_box_1000: Box | None) -> dict[str, float]:
    """Score predicted boxes against the true ones.

    All scores but F1 and the rate of duplicates judge the first predicted box against the first true one. An answer
    without a possible box has IoU 0 and stays in every denominator.

    Args:
        answers: Of all rows.
        constant_box_1000: The mean training box, scored as if it were every answer.

    Returns:
        ``grounding.*`` scores of ``spaces.metrics``; empty without rows, without the controls if there is no constant
        box, and without the rate of duplicates if no box is predicted.

    """
    if not answers:
        return {}
    scores = _box_scores(answers, prefix="grounding.")
    scores["grounding.parse_failure_rate"] = fmean(not answer.predicted for answer in answers)
    if any(answer.predicted for answer in answers):
        scores["grounding.duplicate_rate"] = _duplicate_rate(answers)
    if constant_box_1000 is not None:
        constant = [replace(answer, predicted=(constant_box_1000,)) for answer in answers]
        scores |= _box_scores(constant, prefix="grounding.constant_box_")
    return scores


def first_iou(answer: GroundedAnswer) -> float:
    """Give the IoU of the first predicted and the first true box, in 0–1; 0 for a parse failure."""
    return iou(answer.predicted[0], answer.true[0]) if answer.predicted else 0.0


def reaches(overlap: float, threshold: float) -> bool:
    """Tell whether an IoU is at least a threshold; one that is exactly at it counts, as in RefCOCO's evaluation."""
    return overlap >= threshold - _ROUNDING


def matched_pairs(answer: GroundedAnswer) -> list[tuple[int, int]]:
    """Pair true and predicted boxes one to one.

    Of all pairings whose pairs have an IoU of at least .5, this is one with the most pairs, and among those one with
    the largest sum of IoU.

    Returns:
        Index of the true and of the predicted box of each pair.

    References:
        H. W. Kuhn. The Hungarian method for the assignment problem. Naval Research Logistics Quarterly 2, 1955.
        https://doi.org/10.1002/nav.3800020109
        Solved by scipy's variant of the Jonker-Volgenant algorithm, which finds an optimum of the same problem.

    """
    most = min(len(answer.true), len(answer.predicted))
    overlaps = [[iou(true, found) for found in answer.predicted] for true in answer.true]
    # one more pair outweighs any sum of IoU, which is at most the number of pairs
    gains = [[most + 1 + overlap if reaches(overlap, ACCURATE) else 0.0 for overlap in row] for row in overlaps]
    places = zip(*linear_sum_assignment(gains, maximize=True), strict=True)
    return [(int(true), int(found)) for true, found in places if gains[true][found]]


def _box_scores(answers: Sequence[GroundedAnswer], *, prefix: str) -> dict[str, float]:
    overlaps = [first_iou(answer) for answer in answers]
    return {
        f"{prefix}miou": fmean(overlaps),
        f"{prefix}acc50": fmean(reaches(overlap, ACCURATE) for overlap in overlaps),
        f"{prefix}acc50_95": fmean(reaches(overlap, threshold) for overlap in overlaps for threshold in _THRESHOLDS),
        f"{prefix}f1_50": _f1(answers),
    }


def _f1(answers: Sequence[GroundedAnswer]) -> float:
    """Give the harmonic mean of precision and recall over the boxes of all rows together."""
    pairs = sum(len(matched_pairs(answer)) for answer in answers)
    return 2 * pairs / sum(len(answer.true) + len(answer.predicted) for answer in answers)


def _duplicate_rate(answers: Sequence[GroundedAnswer]) -> float:
    return fmean(
        any(reaches(iou(box, earlier), _DUPLICATE) for earlier in answer.predicted[:place])
        for answer in answers
        for place, box in enumerate(answer.predicted)
    )
