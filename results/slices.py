"""Scores of parts of the rows: the front against the baseline on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from results.bootstrap import REPLICATES, SEARCH, ClusterSums, RowTable, cluster_weights, ratio_replicates
from results.findings import Interval, SliceComparison, SliceScore
from results.gains import is_in_nats
from results.summary import Summary

SLICED_SCORES = ("grounding.miou", "grounding.acc50", "text.exact_match", "text.token_f1")
"""Scores of slices, besides the objectives; the same as in the record's reports."""

MOST_TRIALS = 12
_FEWEST_CLUSTERS = 5
_LEVEL = 0.95


def slice_trials(summary: Summary, chosen: Sequence[int] = ()) -> tuple[int, ...]:
    """Choose the trials whose slices are compared: the baseline, the given ones, then the front, at most a dozen."""
    first = [] if summary.baseline is None else [summary.baseline.trial]
    order = dict.fromkeys([*first, *chosen, *(trial.trial for trial in summary.front)])
    return tuple(order)[:MOST_TRIALS]


@dataclass(frozen=True)
class _Part:
    """One score of one slice: a row for each trial, the baseline's first where there is one."""

    slice_name: str
    score: str
    sums: ClusterSums
    replicates: NDArray[np.float64]


def compare_slices(
    summary: Summary, table: RowTable, *, trials: Sequence[int], rng: np.random.Generator
) -> SliceComparison | str:
    """Give the slices' scores with intervals of their differences from the baseline, or say why there are none.

    A difference stands out if it is clear of 0 at the level of the whole comparison: further off, in its own standard
    errors, than the largest of all differences is in 95 % of the replicates (single-step max-T).

    Args:
        summary: Of the sweep.
        table: The predicted rows of the search split.
        trials: From ``slice_trials``.
        rng: The generator.

    References:
        P. H. Westfall, S. S. Young. Resampling-Based Multiple Testing. Wiley, 1993. Section 2.3.

    """
    places = table.places([(trial, SEARCH) for trial in trials])
    known = [trial for trial, place in zip(trials, places, strict=True) if place >= 0]
    names = table.slice_names()
    if not known or not names:
        return "the record holds no predictions by row" if not known else "no row of the search split is in a slice"
    baseline = None if summary.baseline is None or summary.baseline.trial not in known else summary.baseline.trial
    weights = cluster_weights(rng, table.clusters, replicates=REPLICATES)
    parts = _parts(summary, table, names, places=places[places >= 0], weights=weights)
    own = None if baseline is None else known.index(baseline)
    limit = _simultaneous_limit(parts, own)
    scores = [
        _slice_score(part, index, trial=trial, own=own, limit=limit)
        for index, trial in enumerate(known)
        for part in parts
        if part.sums.rows[index]
    ]
    count = sum(score.difference is not None for score in scores)
    return SliceComparison(
        scores=tuple(scores),
        comparisons=count,
        expected_by_chance=(1 - _LEVEL) * count,
        caveats=_caveats(count, has_baseline=baseline is not None, left_out=len(trials) - len(known)),
    )


def _parts(
    summary: Summary,
    table: RowTable,
    names: Sequence[str],
    *,
    places: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> list[_Part]:
    recorded = set(table.metrics())
    metrics = dict.fromkeys([*(objective.name for objective in summary.objectives), *SLICED_SCORES])
    parts: list[_Part] = []
    for name in names:
        for metric in metrics:
            sums = table.sums(metric, slice_name=name) if metric in recorded else None
            if sums is not None:
                own = sums.of(places)
                replicates = ratio_replicates(weights, own)
                parts.append(_Part(name, metric, own, np.exp(replicates) if is_in_nats(metric) else replicates))
    return parts


def _slice_score(part: _Part, index: int, *, trial: int, own: int | None, limit: float) -> SliceScore:
    values = _values(part)
    difference, stands_out = None, False
    if own is not None and index != own and part.sums.rows[own]:
        moved = part.replicates[:, index] - part.replicates[:, own]
        difference = Interval(*np.quantile(moved, [0.025, 0.5, 0.975]).tolist())
        error = moved.std()
        is_enough = part.sums.clusters[index] >= _FEWEST_CLUSTERS
        stands_out = bool(is_enough and error > 0 and abs(values[index] - values[own]) > limit * error)
    return SliceScore(
        trial=trial,
        slice=part.slice_name,
        score=part.score,
        rows=int(part.sums.rows[index]),
        clusters=int(part.sums.clusters[index]),
        value=float(values[index]),
        baseline=None if own is None or not part.sums.rows[own] else float(values[own]),
        difference=difference,
        stands_out=stands_out,
    )


def _values(part: _Part) -> NDArray[np.float64]:
    return np.exp(part.sums.ratios) if is_in_nats(part.score) else part.sums.ratios


def _simultaneous_limit(parts: Sequence[_Part], own: int | None) -> float:
    """Give how many standard errors the largest difference of a replicate is off, at most, in 95 % of them."""
    if own is None or not parts:
        return np.inf
    largest = np.zeros(len(parts[0].replicates))
    for part in parts:
        moved = part.replicates - part.replicates[:, [own]]
        center = _values(part) - _values(part)[own]
        error = moved.std(axis=0)
        counts = (error > 0) & (part.sums.clusters >= _FEWEST_CLUSTERS)
        if counts.any():
            largest = np.maximum(largest, (np.abs(moved - center)[:, counts] / error[counts]).max(axis=1))
    return float(np.quantile(largest, _LEVEL))


def _caveats(count: int, *, has_baseline: bool, left_out: int) -> tuple[str, ...]:
    caveats: list[str] = []
    if not has_baseline:
        caveats.append("Without the baseline's predictions there is nothing to compare the slices with.")
    if count:
        caveats.append(
            f"Of the {count} differences of all compared trials about {(1 - _LEVEL) * count:.0f} would have an interval"
            " without 0 by chance alone;"
            " only those that stand out hold when all are judged at once."
        )
    if left_out:
        caveats.append(f"{left_out} trial{'' if left_out == 1 else 's'} left no predictions.")
    return tuple(caveats)
