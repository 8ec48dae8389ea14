"""The card that asks: would more trials help."""

from __future__ import annotations

from results.report.card import Card, Figure, Verdict
from results.report.content import SweepContent
from results.report.headline import hypervolume_notes
from results.report.hypervolume_figure import HYPERVOLUME_KEY, hypervolume_figure
from results.words import count

STILL_GAINING = 0.02
LAST_PART = 0.25
RULE = (
    f"Good: the last quarter of the trials added at most {STILL_GAINING:.0%} of the hypervolume. Watch: it added more,"
    " so the search had not levelled off, or there are fewer than eight ended trials. Problem: there is no hypervolume,"
    " or it is 0."
)
_FEWEST = 8


def card(content: SweepContent) -> Card:
    """Say whether the search had levelled off."""
    figure = hypervolume_figure(content.summary, content.findings.hypervolume)
    return Card(
        key="progress",
        question="Would more trials help?",
        short="Progress",
        verdict=_verdict(content),
        answer=_answer(content),
        rule=RULE,
        notes=hypervolume_notes(content.summary),
        figure=Figure("hypervolume", figure, HYPERVOLUME_KEY) if figure else None,
    )


def late_gain(content: SweepContent) -> float | None:
    """Give the share of the final hypervolume that the last quarter of the ended trials added."""
    history = content.summary.hypervolumes
    if not history or history[-1] <= 0:
        return None
    before = history[max(int(len(history) * (1 - LAST_PART)) - 1, 0)]
    return (history[-1] - before) / history[-1]


def _verdict(content: SweepContent) -> Verdict:
    gain = late_gain(content)
    if gain is None:
        return "problem"
    return "watch" if gain > STILL_GAINING or len(content.summary.trials) < _FEWEST else "good"


def _answer(content: SweepContent) -> str:
    gain, ended = late_gain(content), len(content.summary.trials)
    if gain is None:
        return "It cannot be told: there is no hypervolume to follow."
    if ended < _FEWEST:
        return f"Surely: {count(ended, 'ended trial')} is hardly a search."
    last = f"the last quarter of {count(ended, 'trial')} added {gain:.1%} of the hypervolume"
    if gain > STILL_GAINING:
        return f"Probably: {last}, so the search had not levelled off."
    return f"Probably not much: {last}."
