"""Scores of boxes in generated answers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from trainable.boxes import Box, iou
from trainable.markup import parse_answer

_ACCURATE = 0.5


def score_grounding(pairs: Sequence[tuple[Sequence[Box], str]], *, constant_box_1000: Box | None) -> dict[str, float]:
    """Score answers by the first box in them against the first true box.

    Acc@.5 counts an IoU of exactly one half as right, as RefCOCO's evaluation does. An answer without a possible box
    has IoU 0 and stays in every denominator.

    Args:
        pairs: True boxes in 0–1000 and the generated answer of each row.
        constant_box_1000: The mean training box, scored as if it were every answer.

    Returns:
        ``grounding.*`` scores of ``spaces.metrics``; empty without rows, and without the controls if there is no
        constant box.

    """
    if not pairs:
        return {}
    predicted = [parse_answer(answer) for _, answer in pairs]
    overlaps = [iou(box, true[0]) if box else 0.0 for box, (true, _) in zip(predicted, pairs, strict=True)]
    scores = {
        "grounding.miou": fmean(overlaps),
        "grounding.acc50": fmean(overlap >= _ACCURATE for overlap in overlaps),
        "grounding.parse_failure_rate": fmean(box is None for box in predicted),
    }
    if constant_box_1000 is not None:
        constant = [iou(constant_box_1000, true[0]) for true, _ in pairs]
        scores["grounding.constant_box_miou"] = fmean(constant)
        scores["grounding.constant_box_acc50"] = fmean(overlap >= _ACCURATE for overlap in constant)
    return scores
