"""The card that asks: was pruning fair."""

from __future__ import annotations

from collections.abc import Sequence

from results.findings import RungCrossing
from results.report.card import Card, Cell, Figure, Table, Verdict, number_cell
from results.report.content import SweepContent
from results.report.headline import pruning_notes
from results.report.pruning_figure import PRUNING_KEY, pruning_figure
from results.words import count

MOST_FALSE_STOPS = 0.10
FEWEST_AUDITED = 5
LEAST_TAU = 0.3
MOST_RUNGS = 12
RULE = (
    f"Good: nothing was pruned, or of at least {FEWEST_AUDITED} trials that the pruner would have stopped and that ran"
    f" to the end to check it at most {MOST_FALSE_STOPS:.0%} ended on the front. Watch: fewer were checked, so nobody"
    f" knows. Problem: more than {MOST_FALSE_STOPS:.0%} ended on the front, or the order at the first rung says little"
    f" about the final one (Kendall's tau below {LEAST_TAU} for some objective) although trials were pruned there."
)
ADVICE = (
    "What to do: paretune trial extend, then resume, lets a stopped trial run to its end. In the next sweep let"
    " trial.rungs begin later, raise search.pruner.audit_share, or prune nothing (search.pruner: none)."
)


def card(content: SweepContent) -> Card:
    """Say whether pruning stopped what should have gone on."""
    figure = pruning_figure(content.summary)
    pruning = content.findings.pruning
    notes = [*pruning_notes(content.summary), *pruning.caveats]
    stops = pruning.front_stops
    if stops and stops.share is not None:
        notes.append(
            f"{stops.rule}: it would have stopped {len(stops.stopped)} of the front's {stops.front} trials"
            f" ({stops.share:.0%})."
        )
    notes += content.why_unknown("crossing", "front_stops") if content.summary.in_state("PRUNED") else []
    verdict = _verdict(content)
    if verdict == "problem":
        notes.insert(0, ADVICE)
    return Card(
        key="pruning",
        question="Was pruning fair?",
        short="Pruning",
        verdict=verdict,
        answer=_answer(content),
        rule=RULE,
        notes=tuple(notes),
        figure=Figure("pruning", figure, PRUNING_KEY) if figure else None,
        tables=_crossing(content),
    )


def _weakest(content: SweepContent) -> RungCrossing | None:
    """Give the objective with the smallest tau at the first rung at which a trial was pruned, if tau is small."""
    pruned_at = [rung.step for rung in content.summary.rungs if rung.pruned]
    crossing = content.findings.pruning.crossing
    weak = [one for one in crossing if one.step in pruned_at[:1] and one.tau is not None and one.tau < LEAST_TAU]
    return min(weak, key=lambda one: one.tau or 0.0, default=None)


def _verdict(content: SweepContent) -> Verdict:
    audit = content.findings.pruning.audit
    if not content.summary.in_state("PRUNED"):
        return "good" if content.summary.trials else "watch"
    if (audit.rate is not None and audit.rate > MOST_FALSE_STOPS) or _weakest(content):
        return "problem"
    return "good" if audit.would_stop >= FEWEST_AUDITED else "watch"


def _answer(content: SweepContent) -> str:
    summary, audit = content.summary, content.findings.pruning.audit
    pruned = len(summary.in_state("PRUNED"))
    if not pruned:
        return "Nothing was pruned, so nothing was lost to pruning."
    if weak := _weakest(content):
        return (
            f"It may not have been: {count(pruned, 'trial')} pruned, from step {weak.step:,} on, where the order in"
            f" {weak.objective} says little about the final one (tau {weak.tau:.2f})."
        )
    if audit.rate is None:
        return f"{count(pruned, 'trial')} pruned; none ran on to check it, so it cannot be told whether that was fair."
    low, high = audit.interval
    return (
        f"{count(pruned, 'trial')} pruned; of {count(audit.would_stop, 'trial')} that ran on to check it,"
        f" {audit.false_stops} ended on the front, a false-stop rate of {audit.rate:.0%} (95 % interval {low:.0%} to"
        f" {high:.0%})."
    )


def _shown(content: SweepContent, steps: Sequence[int]) -> list[int]:
    """Keep the rungs that a table has room for: the first one at which a trial was pruned, and others evenly."""
    if len(steps) <= MOST_RUNGS:
        return list(steps)
    pruned_at = [rung.step for rung in content.summary.rungs if rung.pruned][:1]
    even = [steps[place * (len(steps) - 1) // (MOST_RUNGS - 1)] for place in range(MOST_RUNGS)]
    return sorted({*even, *(step for step in pruned_at if step in steps)})


def _crossing(content: SweepContent) -> tuple[Table, ...]:
    crossing = content.findings.pruning.crossing
    if not crossing:
        return ()
    names = list(dict.fromkeys(one.objective for one in crossing))
    steps = _shown(content, sorted({one.step for one in crossing}))
    by_place = {(one.step, one.objective): one for one in crossing}
    rows: list[tuple[Cell, ...]] = []
    for step in steps:
        found = [by_place.get((step, name)) for name in names]
        trials = max((one.trials for one in found if one), default=0)
        taus = [number_cell("–" if one is None or one.tau is None else f"{one.tau:.2f}") for one in found]
        rows.append((number_cell(f"{step:,}"), number_cell(f"{trials:,}"), *taus))
    columns = (("step", True), ("trials", True), *((name, True) for name in names))
    return (Table("How well the order at a rung foretells the final order (Kendall's tau)", columns, tuple(rows)),)
