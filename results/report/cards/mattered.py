"""The card that asks: what mattered."""

from __future__ import annotations

from html import escape

from results.findings import Importance
from results.report.card import Card, Figure, Verdict
from results.report.content import SweepContent
from results.report.plot import Axis, Plot, Rows
from results.words import count

RULE = (
    "Good: there are enough completed trials for the importances to mean something. Watch: there are not; read them as"
    " an anecdote. Problem: they could not be computed."
)
_MOST_PARAMETERS = 10
_KINDS = ("first", "second", "third", "fourth", "fifth", "sixth")


def card(content: SweepContent) -> Card:
    """Say which settings explain the scores."""
    findings = content.findings
    importance = findings.importance
    notes = [*(importance.caveats if importance else ()), *_strategy_notes(content)]
    notes += content.why_unknown("importance", "strategies")
    if importance and importance.left_out:
        notes.append(f"{count(importance.left_out, 'completed trial')} beyond the sample left out.")
    figure = _figure(importance) if importance else ""
    return Card(
        key="mattered",
        question="What mattered?",
        short="Settings",
        verdict=_verdict(importance),
        answer=_answer(content),
        rule=RULE,
        notes=tuple(notes),
        figure=Figure("importance", figure, importance_key(importance)) if importance and figure else None,
        more_figures=_lines_over_the_trade_off(importance) if importance else (),
    )


def importance_key(importance: Importance) -> tuple[tuple[str, str, str], ...]:
    """Give the key of the figure: one bar for each objective."""
    return tuple((kind, "bar", name) for kind, name in zip(_KINDS, importance.objectives, strict=False))


def _verdict(importance: Importance | None) -> Verdict:
    if importance is None or not importance.parameters:
        return "problem"
    return "watch" if importance.is_anecdote else "good"


def _answer(content: SweepContent) -> str:
    importance = content.findings.importance
    if importance is None or not importance.parameters:
        return "It cannot be told which settings mattered."
    parts = []
    for place, name in enumerate(importance.objectives):
        best = max(importance.parameters, key=lambda parameter: parameter.shares[place])
        parts.append(f"{best.name} for {name} ({best.shares[place]:.0%} of what is explained)")
    caution = "With few trials, as an anecdote: " if importance.is_anecdote else ""
    sentence = f"what mattered most was {' and '.join(parts)}."
    return f"{caution}{sentence if caution else sentence[0].upper() + sentence[1:]}"


def _strategy_notes(content: SweepContent) -> list[str]:
    one = content.findings.strategies
    if one is None:
        return []
    low, high = one.difference.low, one.difference.high
    verdict = "adaptive is better" if low > 0 else "static is better" if high < 0 else "no clear difference"
    return [
        f"Adaptive against static weightings at {count(one.equal_trials, 'trial')} each: hypervolume"
        f" {one.adaptive.middle:.4g} against {one.static.middle:.4g}, a difference of {one.difference.middle:+.2g}"
        f" (95 % interval {low:+.2g} to {high:+.2g}): {verdict}.",
        *one.caveats,
    ]


def _lines_over_the_trade_off(importance: Importance) -> tuple[Figure, ...]:
    """Draw how much each parameter explains of w f1 + (1 - w) f2, for w from 0 to 1."""
    known = [one for one in importance.parameters if one.by_weight]
    if len(importance.weights) < 2 or not known:
        return ()
    shown = sorted(known, key=lambda one: -max(one.by_weight))[: len(_KINDS)]
    most = max(max(one.by_weight) for one in shown) or 1.0
    first, second = importance.objectives
    plot = Plot(Axis(f"from {second} alone (0) to {first} alone (1)", 0, 1), Axis("share explained", 0, 1.08 * most))
    marks = []
    for kind, one in zip(_KINDS, shown, strict=False):
        points = [plot.point(w, share) for w, share in zip(importance.weights, one.by_weight, strict=True)]
        marks.append(f'<path class="line {kind}" d="M{" L".join(points)}"><title>{escape(one.name)}</title></path>')
    words = "; ".join(f"{one.name} {one.by_weight[0]:.0%} to {one.by_weight[-1]:.0%}" for one in shown)
    svg = plot.figure(marks, title="Importance over the trade-off", description=words)
    key = tuple((kind, "curve", one.name) for kind, one in zip(_KINDS, shown, strict=False))
    return (Figure("trade-off", svg, key),)


def _figure(importance: Importance) -> str:
    shown = importance.parameters[:_MOST_PARAMETERS]
    if not shown:
        return ""
    lanes = min(len(importance.objectives), len(_KINDS))
    most = max(max(parameter.shares) for parameter in shown) or 1.0
    plot = Rows([p.name for p in shown], Axis("share of what is explained", 0, min(1.08 * most, 1.0)), room_right=30)
    marks: list[str] = []
    for row, parameter in enumerate(shown):
        for lane in range(lanes):
            share = parameter.shares[lane]
            title = f"{parameter.name}, {importance.objectives[lane]}: {share:.1%}"
            marks.append(plot.bar(row, 0, share, kind=f"bar {_KINDS[lane]}", title=title, lane=lane, lanes=lanes))
    words = "; ".join(f"{p.name} {', '.join(f'{share:.0%}' for share in p.shares)}" for p in shown)
    return plot.figure(marks, title="Importance of the settings", description=words)
