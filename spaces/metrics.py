"""Name, direction and bounds of every score that a trial can report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Metric:
    """A score.

    Attributes:
        direction: Which way is better.
        low: Smallest possible value.
        high: Largest possible value, or ``None`` if there is none.
        meaning: One line for documents and reports.

    """

    direction: Direction
    low: float
    high: float | None
    meaning: str


METRICS: Mapping[str, Metric] = {
    "grounding.miou": Metric("maximize", 0, 1, "mean IoU of the first predicted box; a parse failure counts 0"),
    "grounding.acc50": Metric("maximize", 0, 1, "share of rows whose first predicted box has IoU of at least .5"),
    "grounding.acc50_95": Metric("maximize", 0, 1, "mean of that share over the IoU thresholds .5, .55, …, .95"),
    "grounding.f1_50": Metric(
        "maximize", 0, 1, "F1 over the boxes of all rows, matched one to one where IoU is at least .5"
    ),
    "grounding.parse_failure_rate": Metric("minimize", 0, 1, "share of rows without a possible box in the answer"),
    "grounding.duplicate_rate": Metric(
        "minimize", 0, 1, "share of predicted boxes with IoU of at least .9 with an earlier one of the same answer"
    ),
    "grounding.constant_box_miou": Metric("maximize", 0, 1, "mean IoU of the mean training box on the same rows"),
    "grounding.constant_box_acc50": Metric("maximize", 0, 1, "Acc@.5 of the mean training box on the same rows"),
    "grounding.constant_box_acc50_95": Metric("maximize", 0, 1, "Acc@.5:.95 of the mean training box on the same rows"),
    "grounding.constant_box_f1_50": Metric("maximize", 0, 1, "F1 at .5 of the mean training box on the same rows"),
    "text.exact_match": Metric("maximize", 0, 1, "share of answers equal to a reference after normalisation"),
    "text.token_f1": Metric("maximize", 0, 1, "mean F1 over the words of answer and reference"),
    "text.rouge_l": Metric("maximize", 0, 1, "mean ROUGE-L: F1 over the longest common subsequence of words"),
    "text.bleu": Metric("maximize", 0, 1, "corpus BLEU: n-grams of up to four words that stand in a reference"),
    "text.chrf": Metric("maximize", 0, 1, "corpus chrF: F2 over n-grams of up to six characters"),
    "text.vqa_accuracy": Metric("maximize", 0, 1, "VQA accuracy, over rows with the answers of three people or more"),
    "text.anls": Metric("maximize", 0, 1, "mean normalised Levenshtein similarity; one below .5 counts 0"),
    "text.perplexity": Metric("minimize", 1, None, "exp of the mean cross entropy per token of the true answers"),
    "text.token_accuracy": Metric("maximize", 0, 1, "share of the tokens of the true answers with the largest logit"),
}

CONSTANT_BOX: Mapping[str, str] = {
    "grounding.miou": "grounding.constant_box_miou",
    "grounding.acc50": "grounding.constant_box_acc50",
    "grounding.acc50_95": "grounding.constant_box_acc50_95",
    "grounding.f1_50": "grounding.constant_box_f1_50",
}
"""The control beside which a grounding score is shown."""

CONTROLS = frozenset(CONSTANT_BOX.values())
"""Scores of no model: they cannot be objectives."""

DIAGNOSTICS = frozenset({"grounding.duplicate_rate"})
"""Scores that a model without any box does not have: they cannot be objectives."""


def shown_scores(names: Sequence[str], scores: Mapping[str, float]) -> str:
    """Write scores for one line, each grounding score beside that of the constant box."""
    parts: list[str] = []
    for name in names:
        control = scores.get(CONSTANT_BOX.get(name, ""))
        beside = "" if control is None else f" (constant box {control:.3f})"
        parts.append(f"{name} {scores.get(name, float('nan')):.3f}{beside}")
    return ", ".join(parts)
