"""What the trials of each arm of benchmarks/trials.py took, from the marks of their workers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

from process_watch import Usage
from trials_baseline import Outcome

MARK_KEY = "mark"
_COMPARED = ("teacher_forced.text_ce", "teacher_forced.box_ce")


@dataclass(frozen=True)
class Mark:
    """What a worker knows at the end of a trial.

    Attributes:
        number: Of the trial.
        pid: Of the worker.
        cpu_s: CPU seconds of the process since its start, at the trial's end.
        ended_s: The clock at its end, which all processes of a machine share.
        outcome: What the trial found.

    """

    number: int
    pid: int
    cpu_s: float
    ended_s: float
    outcome: Outcome


def mark_of(result: Mapping[str, Any]) -> Mark:
    """Read the mark out of a Ray result."""
    values = json.loads(result[MARK_KEY])
    return Mark(**values | {"outcome": Outcome(**values["outcome"])})


@dataclass(frozen=True)
class Cost:
    """What one trial took.

    Attributes:
        is_first: Whether its process ran no trial before.
        cpu_s: Of its process since the trial before it; of the first from the process's start, of the last to its end.
        wall_s: Since the trial before it ended or the arm began.
        peak_mib: Of its process, over its life.
        mark: Of its worker.

    """

    is_first: bool
    cpu_s: float
    wall_s: float
    peak_mib: float
    mark: Mark


@dataclass(frozen=True)
class Turn:
    """One run of an arm: its trials, and the CPU seconds for each of them of all processes that ran none."""

    costs: list[Cost]
    around_s: float


def costs_of(marks: Sequence[Mark], usages: Mapping[int, Usage], *, began_s: float) -> Iterator[Cost]:
    """Divide what the workers of an arm have used among its trials.

    Args:
        marks: In the order in which the trials ended.
        usages: Of all processes, after the workers' end.
        began_s: The clock when the arm began.

    """
    last = {mark.pid: mark for mark in marks}
    spent: dict[int, float] = {}
    for before_s, mark in zip([began_s, *(mark.ended_s for mark in marks)], marks, strict=False):
        until = max(mark.cpu_s, usages[mark.pid].cpu_s) if last[mark.pid] is mark else mark.cpu_s
        is_first = mark.pid not in spent
        cpu_s = until - spent.get(mark.pid, 0.0)
        yield Cost(is_first, cpu_s, mark.ended_s - before_s, usages[mark.pid].peak_mib, mark)
        spent[mark.pid] = until


def largest_difference(marks: Sequence[Mark], *, tolerance: float) -> float:
    """Give the largest relative difference in a loss of the same step, or of the true answers, of the same trial.

    Raises:
        ValueError: If it is above the tolerance, or trials of a number differ in their numbers of steps.

    """
    by_number: dict[int, list[list[float]]] = {}
    for mark in marks:
        losses = [*mark.outcome.losses, *(mark.outcome.metrics[name] for name in _COMPARED)]
        by_number.setdefault(mark.number, []).append(losses)
    largest = 0.0
    for first, *others in by_number.values():
        for other in others:
            for one, two in zip(first, other, strict=True):
                largest = max(largest, abs(one - two) / max(abs(one), abs(two)))
    if not largest <= tolerance:
        raise ValueError(f"losses of the same trial differ by {largest:.1e}; at most {tolerance:g} is allowed")
    return largest


def table(turns: Mapping[str, Sequence[Turn]], *, amortise: int) -> Iterator[str]:
    """Give Markdown tables of the arms: means over trials, and how many times less than the first arm they take.

    Args:
        turns: Of every arm, the baseline first.
        amortise: Number of trials that share what a worker pays once.

    """
    yield (
        f"| Arm | trials | paid once, CPU-s | a later trial, CPU-s | all of this run, CPU-s per trial | "
        f"over {amortise} trials | times less: later trial | this run | over {amortise} |"
    )
    yield f"|{' --- |' * 9}"
    baseline: list[float] = []
    for arm, rounds in turns.items():
        costs = [cost for turn in rounds for cost in turn.costs]
        first, later = _first_and_later(costs)
        steady = fmean(cost.cpu_s for cost in later)
        once = fmean(cost.cpu_s for cost in first) - steady
        cpu_s = [steady, fmean(cost.cpu_s for cost in costs), steady + once / amortise]
        baseline = baseline or cpu_s
        ratios = [f"{base / value:.2f}" for base, value in zip(baseline, cpu_s, strict=True)]
        paid_once = "in each" if later is first else f"{once:.1f}"
        cells = [str(len(costs)), paid_once, *(f"{value:.1f}" for value in cpu_s), *ratios]
        yield f"| {arm} | {' | '.join(cells)} |"
    yield ""
    yield "| Arm | wall s, first trial | later trial | peak MiB of a worker | CPU-s per trial outside workers |"
    yield f"|{' --- |' * 5}"
    for arm, rounds in turns.items():
        costs = [cost for turn in rounds for cost in turn.costs]
        first, later = _first_and_later(costs)
        cells = [
            f"{fmean(cost.wall_s for cost in first):.1f}",
            f"{fmean(cost.wall_s for cost in later):.1f}",
            f"{max(cost.peak_mib for cost in costs):.0f}",
            f"{fmean(turn.around_s for turn in rounds):.1f}",
        ]
        yield f"| {arm} | {' | '.join(cells)} |"


def score_differences(marks: Sequence[Mark]) -> dict[str, float]:
    """Give the largest difference of each score that two neighbouring trials of the same number both have."""
    largest: dict[str, float] = {}
    ordered = sorted(marks, key=lambda mark: mark.number)
    for one, two in pairwise(ordered):
        if one.number == two.number:
            for name in one.outcome.metrics.keys() & two.outcome.metrics.keys():
                gap = abs(one.outcome.metrics[name] - two.outcome.metrics[name])
                largest[name] = max(largest.get(name, 0.0), gap)
    return largest


def _first_and_later(costs: Sequence[Cost]) -> tuple[list[Cost], list[Cost]]:
    first = [cost for cost in costs if cost.is_first]
    return first, [cost for cost in costs if not cost.is_first] or first
