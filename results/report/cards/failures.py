"""The card that asks: which trials failed, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from results.report.card import Card, Cell, Table, Verdict, number_cell
from results.report.content import SweepContent
from results.report.settings import value_text
from results.summary import EndedTrial
from results.words import count

MOST_FAILED = 0.10
RULE = (
    f"Good: no trial failed. Watch: at most {MOST_FAILED:.0%} of the ended trials did. Problem: more did, or the"
    " baseline did, or all did."
)
_MOST_NAMED = 12
_FEWEST_FOR_PATTERN = 3


def card(content: SweepContent) -> Card:
    """Group the failures by kind, and say what failed trials have in common."""
    summary = content.summary
    failed = summary.in_state("FAIL")
    return Card(
        key="failures",
        question="Which trials failed, and why?",
        short="Failures",
        verdict=_verdict(content),
        answer=_answer(content),
        rule=RULE,
        notes=_patterns(content, failed),
        tables=(_table(failed),) if failed else (),
    )


def kind_of(reason: str) -> str:
    """Give the kind of a failure, which its reason begins with."""
    return reason.partition(":")[0].strip() or "unknown"


def _by_kind(failed: Sequence[EndedTrial]) -> list[tuple[str, list[EndedTrial]]]:
    groups: dict[str, list[EndedTrial]] = defaultdict(list)
    for trial in failed:
        groups[kind_of(trial.reason)].append(trial)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _verdict(content: SweepContent) -> Verdict:
    summary = content.summary
    failed = summary.in_state("FAIL")
    if not failed:
        return "good"
    lost_baseline = summary.failed_baseline is not None and summary.failed_baseline.state == "FAIL"
    return "problem" if lost_baseline or len(failed) > MOST_FAILED * len(summary.trials) else "watch"


def _answer(content: SweepContent) -> str:
    ended = len(content.summary.trials)
    failed = content.summary.in_state("FAIL")
    if not failed:
        return f"None of {count(ended, 'ended trial')} failed." if ended else "None: no trial has ended yet."
    kinds = ", ".join(f"{len(trials)} {kind}" for kind, trials in _by_kind(failed)[:4])
    return f"{len(failed):,} of {count(ended, 'ended trial')} failed: {kinds}."


def _table(failed: Sequence[EndedTrial]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for kind, trials in _by_kind(failed)[:_MOST_NAMED]:
        numbers = ", ".join(str(trial.trial) for trial in trials[:_MOST_NAMED])
        more = f" and {len(trials) - _MOST_NAMED:,} more" if len(trials) > _MOST_NAMED else ""
        steps = sorted(trial.steps for trial in trials)
        where = f"{steps[0]:,}" if steps[0] == steps[-1] else f"{steps[0]:,} to {steps[-1]:,}"
        rows.append(
            (
                Cell(kind),
                number_cell(f"{len(trials):,}"),
                number_cell(where),
                Cell(f"{numbers}{more}"),
                Cell(_shortened(trials[-1].reason)),
            )
        )
    columns = (
        ("kind", False),
        ("trials", True),
        ("last report at step", True),
        ("which", False),
        ("last reason", False),
    )
    return Table("Failures by kind", columns, tuple(rows))


def _shortened(reason: str) -> str:
    words = " ".join(reason.split())
    return words if len(words) <= 240 else f"{words[:239]}…"


def _patterns(content: SweepContent, failed: Sequence[EndedTrial]) -> tuple[str, ...]:
    """Say which settings set the failed trials apart: a value or a range that all have and few others."""
    others = [trial for trial in content.summary.trials if trial.state != "FAIL"]
    if len(failed) < _FEWEST_FOR_PATTERN or len(others) < _FEWEST_FOR_PATTERN:
        return ()
    notes: list[str] = []
    for place, name in enumerate(content.summary.param_names):
        own = [trial.params[place] for trial in failed]
        rest = [trial.params[place] for trial in others]
        if words := _sets_apart(own, rest):
            notes.append(f"All failed trials have {name} {words} of the others; that may be chance.")
    return tuple(notes[:5])


def _sets_apart(own: Sequence[object], rest: Sequence[object]) -> str:
    numbers = [value for value in own if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(own):
        known = np.array([value for value in rest if isinstance(value, int | float)], float)
        for edge, sign, words in ((min(numbers), ">=", "at least"), (max(numbers), "<=", "at most")):
            share = float(np.mean(known >= edge if sign == ">=" else known <= edge)) if len(known) else 1.0
            if share <= 0.25:
                return f"{words} {value_text(edge)}, and so have {share:.0%}"
        return ""
    if len(set(own)) == 1:
        share = sum(value == own[0] for value in rest) / len(rest)
        if share <= 0.25:
            return f"= {value_text(own[0])}, and so have {share:.0%}"
    return ""
