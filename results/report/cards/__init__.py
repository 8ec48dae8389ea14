"""The cards of a sweep's report, one module for each question, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from results.report.card import Card
from results.report.cards import better, boxes, certainty, choice, cost, failures, mattered, progress, pruning, slices
from results.report.content import SweepContent

CARDS: Sequence[Callable[[SweepContent], Card | None]] = (
    better.card,
    choice.card,
    certainty.card,
    boxes.card,
    slices.card,
    mattered.card,
    progress.card,
    pruning.card,
    cost.card,
    failures.card,
)
"""What makes each card; one that does not apply to a sweep is ``None``."""


def sweep_cards(content: SweepContent) -> tuple[Card, ...]:
    """Give the cards of one sweep."""
    return tuple(card for make in CARDS if (card := make(content)))


__all__ = ["CARDS", "sweep_cards"]
