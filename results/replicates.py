"""The replicates of a sweep: what the contenders would have scored on other rows, and with other seeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from results.bootstrap import REPLICATES, SEARCH, ClusterSums, RowTable, deviation_replicates
from results.findings import Evidence
from results.fronts import front_of
from results.gains import gains_of, signs_of
from results.schema import Objective
from results.seeds import SeedNoise
from results.summary import Summary
from results.words import count

MOST_CONTENDERS = 256
"""Trials that are resampled, besides those that were on the front when they ended."""

_FEW_FREEDOM = 4
_FEW_CLUSTERS = 30
_NEAR = 3.0
_APPROXIMATE = frozenset({"text.bleu", "text.chrf"})


@dataclass(frozen=True)
class Replicates:
    """What the contenders scored and what they would have scored.

    Attributes:
        objectives: The objectives.
        trials: Numbers of the contenders, rising, of shape ``[n]``.
        gains: Recorded scores as gains, of shape ``[n, objectives]``.
        deviations: Of each replicate from the recorded gains, of shape ``[replicates, n, objectives]``.
        evidence: What they rest on.

    """

    objectives: tuple[Objective, ...]
    trials: NDArray[np.int64]
    gains: NDArray[np.float64]
    deviations: NDArray[np.float64]
    evidence: Evidence

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """Gains of the replicates, of shape ``[replicates, n, objectives]``."""
        return self.gains + self.deviations


def contenders(summary: Summary) -> tuple[int, ...]:
    """Choose the trials that matter for the front and its history.

    A trial's distance from the front is the smallest amount that, added to all its scores, would put it there, in
    units of the spread of the completed trials (the additive epsilon). The nearest are taken, and all trials that were
    on the front when they ended.

    Returns:
        Numbers of trials, rising.

    """
    completed = summary.completed
    if not completed:
        return ()
    gains = gains_of([trial.point or () for trial in completed], summary.objectives)
    spread = np.subtract(*np.quantile(gains, [0.75, 0.25], axis=0))
    distance = _distances(gains, unit=np.where(spread > 0, spread, gains.std(axis=0)))
    near = set(np.argsort(distance, kind="stable")[:MOST_CONTENDERS].tolist())
    kept = near | set(_once_on_front(gains)) | {i for i, trial in enumerate(completed) if trial is summary.baseline}
    return tuple(sorted(completed[index].trial for index in kept))


def replicate(
    summary: Summary,
    table: RowTable,
    *,
    seeds: SeedNoise | None,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> Replicates | str:
    """Draw the replicates, or say in one sentence why there are none.

    Images get random weights, the same ones for all trials and objectives, and to each trial comes the noise of a
    seed of its own where its size is known.

    Args:
        summary: Of the sweep.
        table: The predicted rows of the search split.
        seeds: What seeds alone do.
        rng: The generator.
        replicates: How many.

    """
    objectives = summary.objectives
    near = set(contenders(summary))
    wanted = [trial for trial in summary.completed if trial.trial in near]
    if not wanted:
        return "no trial has completed"
    if not table.runs:
        return "the record holds no predictions by row, so the scores cannot be resampled"
    places = table.places([(trial.trial, SEARCH) for trial in wanted])
    if lost := [trial.trial for trial, place in zip(wanted, places, strict=True) if place < 0 and trial.on_front]:
        return f"the record holds no predictions of {_named(lost)} on the front, so the scores cannot be resampled"
    known = [trial for trial, place in zip(wanted, places, strict=True) if place >= 0]
    places = places[places >= 0]
    gains = gains_of([trial.point or () for trial in known], objectives)
    sums: list[ClusterSums] = []
    for objective in objectives:
        own = table.sums(objective.name)
        if own is None or not np.isfinite(own.ratios[places]).all():
            return f"{objective.name} is not recorded by row for all trials near the front, so it cannot be resampled"
        sums.append(own.of(places))
    deviations = signs_of(objectives) * deviation_replicates(rng, sums, replicates=replicates)
    if seeds is not None:
        deviations += seeds.deviation * rng.standard_normal(deviations.shape)
    evidence = Evidence(
        rows=table.items,
        clusters=table.clusters,
        replicates=replicates,
        contenders=tuple(trial.trial for trial in known),
        left_out=len(summary.completed) - len(known),
        seed_deviation=None if seeds is None else tuple(float(one) for one in seeds.deviation),
        seed_settings=0 if seeds is None else seeds.settings,
        notes=(
            *_notes(objectives, seeds=seeds, clusters=table.clusters),
            *_left_out(summary, {trial.trial for trial in known}, deviations, lost=len(wanted) - len(known)),
        ),
    )
    return Replicates(objectives, np.array([trial.trial for trial in known], np.int64), gains, deviations, evidence)


def _distances(gains: NDArray[np.float64], *, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give how much each row lacks, in every objective at once, to be on the front; of shape ``[n]``."""
    scaled = gains / np.maximum(unit, np.finfo(float).tiny)
    front = scaled[front_of(scaled)]
    return np.array([(front - row).min(axis=1).max() for row in scaled])


def _left_out(
    summary: Summary, known: Collection[int], deviations: NDArray[np.float64], *, lost: int
) -> tuple[str, ...]:
    """Say which trials should have been resampled and were not."""
    notes: list[str] = []
    if lost:
        notes.append(f"{count(lost, 'trial')} near the front left no predictions and were not resampled.")
    completed = summary.completed
    if len(completed) - len(known) > lost:
        apart = deviations - deviations.mean(axis=1, keepdims=True)  # what all trials share changes no order
        gains = gains_of([trial.point or () for trial in completed], summary.objectives)
        distance = _distances(gains, unit=apart.std(axis=(0, 1)))
        near = sum(far < _NEAR and one.trial not in known for one, far in zip(completed, distance, strict=True))
        if near > lost:
            notes.append(
                f"{count(near - lost, 'more trial')} within {_NEAR:g} standard errors of the front were not resampled;"
                " with so many rivals probabilities are too large."
            )
    return tuple(notes)


def _once_on_front(gains: NDArray[np.float64]) -> list[int]:
    """Find the rows that no earlier row dominates."""
    front = np.empty((0, gains.shape[1]))
    found: list[int] = []
    for index, row in enumerate(gains):
        if not ((front >= row).all(axis=1) & (front > row).any(axis=1)).any():
            found.append(index)
            front = np.vstack([front[~(row >= front).all(axis=1)], row])
    return found


def _notes(objectives: Sequence[Objective], *, seeds: SeedNoise | None, clusters: int) -> tuple[str, ...]:
    notes: list[str] = []
    if seeds is None:
        notes.append(
            "No setting was trained with several seeds, so these numbers say what other rows would change, and nothing"
            " about other seeds; paretune confirm trains settings again."
        )
    elif seeds.freedom < _FEW_FREEDOM:
        notes.append(
            f"What a seed alone changes is known from {seeds.freedom + seeds.settings} runs of"
            f" {count(seeds.settings, 'setting')} only."
        )
    if clusters < _FEW_CLUSTERS:
        notes.append(f"There are only {clusters} images to resample; intervals from so few are too narrow.")
    if approximate := [objective.name for objective in objectives if objective.name in _APPROXIMATE]:
        notes.append(
            f"{' and '.join(approximate)} of a set of rows is no mean over rows; the mean of the scores of single"
            " rows stands in for its spread."
        )
    return tuple(notes)


def _named(trials: Sequence[int]) -> str:
    if len(trials) == 1:
        return f"trial {trials[0]}"
    return "trials " + ", ".join(str(trial) for trial in trials)
