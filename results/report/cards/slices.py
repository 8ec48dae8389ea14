"""The card that asks: for which rows is it better, and for which worse."""

from __future__ import annotations

from results.findings import Interval, SliceScore
from results.report.card import Card, Figure, Verdict
from results.report.content import SweepContent
from results.report.plot import Axis, Rows, circle
from results.words import count

RULE = (
    "Good: no part of the rows on which the recommended trial is clearly worse than the baseline, all comparisons"
    " judged at once. Watch: it cannot be told, for want of rows or of a baseline. Problem: it is clearly worse on some"
    " part."
)
SLICE_KEY = (
    ("front", "dot", "clearly different, all comparisons judged at once"),
    ("ring", "ring", "may be chance"),
    ("zero", "line", "the baseline"),
)
_MOST_ROWS = 16


def card(content: SweepContent) -> Card | None:
    """Compare the recommended trial with the baseline, part by part; ``None`` if the record has no parts."""
    if content.findings.slices is None:
        return None
    own = _own(content)
    figure = _figure(content, own)
    slices = content.findings.slices
    notes = list(slices.caveats)
    if len(own) > _MOST_ROWS:
        notes.append(f"{count(len(own) - _MOST_ROWS, 'comparison')} with the smallest differences not drawn.")
    return Card(
        key="slices",
        question="For which rows is it better, and for which worse?",
        short="Slices",
        verdict=_verdict(content, own),
        answer=_answer(content, own),
        rule=RULE,
        notes=tuple(notes),
        figure=Figure("slices", figure, SLICE_KEY) if figure else None,
    )


def _own(content: SweepContent) -> list[tuple[SliceScore, Interval]]:
    slices, chosen = content.findings.slices, content.recommended
    if slices is None or chosen is None:
        return []
    return [(one, one.difference) for one in slices.scores if one.trial == chosen.trial and one.difference]


def _is_worse(content: SweepContent, one: SliceScore, difference: Interval) -> bool:
    smaller_is_better = any(
        objective.name == one.score and objective.direction == "minimize" for objective in content.summary.objectives
    )
    return one.stands_out and (difference.middle > 0) == smaller_is_better


def _verdict(content: SweepContent, own: list[tuple[SliceScore, Interval]]) -> Verdict:
    if not own:
        return "watch"
    return "problem" if any(_is_worse(content, *one) for one in own) else "good"


def _answer(content: SweepContent, own: list[tuple[SliceScore, Interval]]) -> str:
    if not own or content.recommended is None:
        return "There is nothing to compare part by part: no trial stands beside a baseline here."
    clear = [one for one, _ in own if one.stands_out]
    worse = [one for one, difference in own if _is_worse(content, one, difference)]
    better = [one for one in clear if one not in worse]
    parts = [
        f"clearly {word} than the baseline in {_places(which)}"
        for word, which in (("better", better), ("worse", worse))
        if which
    ]
    if not parts:
        return f"Trial {content.recommended.trial} is on no part of the rows clearly better or worse than the baseline."
    return f"Trial {content.recommended.trial} is {' and '.join(parts)}."


def _places(which: list[SliceScore]) -> str:
    by_score: dict[str, list[str]] = {}
    for one in sorted(which, key=lambda one: (one.score, one.slice)):
        by_score.setdefault(one.score, []).append(one.slice)
    return " and in ".join(f"{score} on {', '.join(names)}" for score, names in by_score.items())


def _figure(content: SweepContent, own: list[tuple[SliceScore, Interval]]) -> str:
    if not own or content.recommended is None:
        return ""
    largest = sorted(own, key=lambda one: -abs(one[1].middle))[:_MOST_ROWS]
    shown = sorted(largest, key=lambda one: (one[0].score, one[0].slice))
    ends = [end for _, difference in shown for end in (difference.low, difference.high)]
    bound = 1.1 * max(abs(end) for end in ends) or 0.1
    names = [f"{one.score.partition('.')[2]} · {one.slice} ({one.rows})" for one, _ in shown]
    plot = Rows(names, Axis(f"trial {content.recommended.trial} minus baseline", -bound, bound))
    marks = [plot.upright(0, kind="zero", title="no difference")]
    for row, (one, difference) in enumerate(shown):
        kind = "front" if one.stands_out else "ring"
        title = (
            f"{one.slice}, {one.score}: {difference.middle:+.3f} ({difference.low:+.3f} to {difference.high:+.3f}) on"
            f" {one.rows} rows of {one.clusters} images"
        )
        marks.append(plot.interval(row, difference.low, difference.high, kind=kind, title=title))
        marks.append(circle(plot.at_x(difference.middle), plot.at_row(row), kind=kind, title=title))
    words = "; ".join(f"{one.slice} {one.score} {difference.middle:+.3f}" for one, difference in shown)
    return plot.figure(marks, title="Differences from the baseline on parts of the rows", description=words)
