"""Name, direction and bounds of every score that a trial can report."""

from __future__ import annotations

from collections.abc import Mapping
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
    "grounding.parse_failure_rate": Metric("minimize", 0, 1, "share of rows without a possible box in the answer"),
    "grounding.constant_box_miou": Metric("maximize", 0, 1, "mean IoU of the mean training box on the same rows"),
    "grounding.constant_box_acc50": Metric("maximize", 0, 1, "Acc@.5 of the mean training box on the same rows"),
    "text.exact_match": Metric("maximize", 0, 1, "share of answers equal to the reference after normalisation"),
    "text.token_f1": Metric("maximize", 0, 1, "mean F1 over the words of answer and reference"),
}

CONTROLS = frozenset({"grounding.constant_box_miou", "grounding.constant_box_acc50"})
"""Scores of no model: they cannot be objectives."""
