"""Adaptive against static weighting at equal numbers of trials."""

from __future__ import annotations

from collections import Counter

import moocore
import numpy as np
from numpy.typing import NDArray

from results.findings import Interval, StrategyComparison
from results.reader import SweepTables
from results.summary import EndedTrial, Summary

WEIGHTING = "param.mixture.weighting.name"
STATIC = "static"
_REPETITIONS = 500
_FEW_TRIALS = 10


def compare_strategies(summary: Summary, tables: SweepTables, *, rng: np.random.Generator) -> StrategyComparison | str:
    """Compare the hypervolumes of equally many adaptive and static trials, or say why that is not possible.

    From either kind as many trials are drawn as the smaller kind has, without putting back; of these as many are drawn
    again, with putting back, which is what varies between searches of that size. Both kinds are treated alike, so that
    the larger has no advantage.

    Args:
        summary: Of the sweep.
        tables: The sweep's record.
        rng: The generator.

    """
    if WEIGHTING not in tables.trials:
        return "the record does not say which weighting a trial had"
    names = tables.trials.drop_duplicates("trial", keep="last").set_index("trial")[WEIGHTING]
    drawn = [trial for trial in summary.trials if trial.role == "search"]
    named = [(str(name), trial) for trial in drawn if isinstance(name := names.get(trial.trial), str)]
    counts = Counter(name for name, _ in named)
    static = [trial for name, trial in named if name == STATIC]
    adaptive = [trial for name, trial in named if name != STATIC]
    if not adaptive:
        return "no drawn trial had an adaptive weighting"
    if not static:
        return "no drawn trial had the static weighting"
    if summary.reference is None:
        return "without a baseline there is no reference point to measure hypervolumes from"
    size = min(len(adaptive), len(static))
    areas = np.array([_areas(summary, trials, size=size, rng=rng) for trials in (adaptive, static)])
    return StrategyComparison(
        adaptive_trials=len(adaptive),
        static_trials=len(static),
        equal_trials=size,
        adaptive=_interval(areas[0]),
        static=_interval(areas[1]),
        difference=_interval(areas[0] - areas[1]),
        by_name=dict(sorted(counts.items())),
        caveats=_caveats(size),
    )


def _areas(summary: Summary, trials: list[EndedTrial], *, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    measure = moocore.Hypervolume(
        np.asarray(summary.reference, float), maximise=[way == "maximize" for way in summary.directions]
    )
    worst = np.asarray(summary.reference, float)
    points = np.array([worst if trial.point is None else trial.point for trial in trials], dtype=float)
    found = np.empty(_REPETITIONS)
    for index in range(_REPETITIONS):
        subset = rng.permutation(len(points))[:size]
        found[index] = float(measure(points[subset[rng.integers(size, size=size)]]))
    return found


def _interval(values: NDArray[np.float64]) -> Interval:
    return Interval(*np.quantile(values, [0.025, 0.5, 0.975]).tolist())


def _caveats(size: int) -> tuple[str, ...]:
    caveats = [
        "One search chose all these trials, each with an eye on those before, and gave the kinds unlike settings; only"
        " whole searches, repeated with each kind alone, can tell which kind is better.",
        "Each score is taken as it was recorded, so lucky ones count for the kind that had them.",
    ]
    if size < _FEW_TRIALS:
        caveats.append(f"With {size} trial{'' if size == 1 else 's'} of a kind this is an anecdote.")
    return tuple(caveats)
