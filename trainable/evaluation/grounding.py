"""Scores of boxes in generated answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from scipy.optimize import linear_sum_assignment

from trainable.boxes import Box, iou
from trainable.evaluation.parts import Part, combined

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
    return combined(grounding_parts(answer, constant_box_1000=constant_box_1000) for answer in answers)


def grounding_parts(answer: GroundedAnswer, *, constant_box_1000: Box | None) -> dict[str, Part]:
    """Give what a row adds to each score of ``score_grounding``."""
    parts = _box_parts(answer, prefix="grounding.")
    parts["grounding.parse_failure_rate"] = Part(float(not answer.predicted))
    if answer.predicted:
        parts["grounding.duplicate_rate"] = Part(_duplicates(answer), len(answer.predicted))
    if constant_box_1000 is not None:
        constant = replace(answer, predicted=(constant_box_1000,))
        parts |= _box_parts(constant, prefix="grounding.constant_box_")
    return parts


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


def _box_parts(answer: GroundedAnswer, *, prefix: str) -> dict[str, Part]:
    """Give the parts of the scores of boxes; F1 is the harmonic mean of precision and recall over all rows' boxes."""
    overlap = first_iou(answer)
    boxes = len(answer.true) + len(answer.predicted)
    return {
        f"{prefix}miou": Part(overlap),
        f"{prefix}acc50": Part(float(reaches(overlap, ACCURATE))),
        f"{prefix}acc50_95": Part(fmean(reaches(overlap, threshold) for threshold in _THRESHOLDS)),
        f"{prefix}f1_50": Part(2 * len(matched_pairs(answer)), boxes),
    }


def _duplicates(answer: GroundedAnswer) -> int:
    return sum(
        any(reaches(iou(box, earlier), _DUPLICATE) for earlier in answer.predicted[:place])
        for place, box in enumerate(answer.predicted)
    )
