"""The card that asks: is there a better trade-off than plain cross entropy."""

from __future__ import annotations

from results.report.card import Card, Figure, Verdict
from results.report.content import SweepContent
from results.report.front_figure import FRONT_KEY, front_figure
from results.report.headline import confirmed_gain, front_notes, headline, is_better_in_all

SURE = 0.95
"""Share of replicates from which a better trade-off counts as found."""

RULE = (
    f"Good: in at least {SURE:.0%} of the replicates (other images drawn from the same ones) some trial is at least as"
    " good as the baseline in every objective and better in one. Watch: in fewer, or there are no replicates to ask."
    " Where the baseline and other trials were trained again, good needs one of these that is better in every objective"
    " by the means on the confirm split, too."
    " Problem: no trial is better in every objective even by the recorded scores, or there is no baseline to compare."
)


def card(content: SweepContent) -> Card:
    """Compare the front with the baseline."""
    summary = content.summary
    answer, *rest = headline(summary, first=content.searched_choice)
    again, share = confirmed_gain(summary, content.findings.shrinkage), dominated_share(content)
    if again:
        answer, rest = again[0], [answer, *rest]
    figure = front_figure(summary, content.findings)
    sure = (
        f"In {share:.1%} of the replicates some trial is at least as good as the baseline in every objective and better"
        " in one."
        if share is not None
        else ""
    )
    return Card(
        key="better",
        question="Is there a better trade-off than plain cross entropy?",
        short="Trade-off",
        verdict=_verdict(content, share, is_refuted=again is not None and not again[1]),
        answer=answer,
        rule=RULE,
        notes=tuple(note for note in (*rest, sure, *front_notes(summary)) if note),
        figure=Figure("front", figure, FRONT_KEY) if figure else None,
    )


def dominated_share(content: SweepContent) -> float | None:
    """Give the share of replicates in which some trial dominates the baseline; ``None`` if that is not known."""
    membership, baseline = content.findings.membership, content.summary.baseline
    if membership is None or baseline is None:
        return None
    member = membership.of(baseline.trial)
    return 1.0 if member is None else 1.0 - member.probability


def _verdict(content: SweepContent, share: float | None, *, is_refuted: bool) -> Verdict:
    if not is_better_in_all(content.summary):
        return "problem"
    return "good" if share is not None and share >= SURE and not is_refuted else "watch"
