"""Several sweeps measured against each other: one reference point, one budget, the same draws of images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from results import pareto
from results.errors import ResultsError
from results.findings import Interval
from results.report.content import SweepContent
from results.schema import Direction, Objective

SEARCHED_KEYS = ("space", "search")
"""Parts of a sweep file that say how it was searched; where others differ, the scores are not of the same thing."""

HARMLESS_KEYS = ("model.cache", "trial.resources", "trial.pack", "trial.eval_batch")
"""Keys that change how fast a sweep runs, and no score."""


@dataclass(frozen=True)
class HypervolumeReplicates:
    """Hypervolumes over replicates of the images, mirrored at the recorded ones.

    As lucky scores raise a recorded hypervolume above the true one, so do lucky replicates raise theirs above the
    recorded one; mirroring (the basic bootstrap) takes that off.

    Attributes:
        values: One for each sweep, of shape ``[replicates]``, from the common reference point; a mirrored one may lie
            below 0.
        is_paired: Whether all sweeps saw the same images, so that each replicate is the same one for all.

    """

    values: tuple[NDArray[np.float64], ...]
    is_paired: bool

    def interval(self, place: int) -> Interval:
        """Give the interval of one sweep's hypervolume."""
        return _interval(self.values[place])

    def difference(self, one: int, other: int) -> Interval:
        """Give the interval of one sweep's hypervolume minus another's."""
        return _interval(self.values[one] - self.values[other])

    def share_larger(self, one: int, other: int) -> float:
        """Give the share of replicates in which one sweep's hypervolume is the larger; equal ones count half."""
        difference = self.values[one] - self.values[other]
        return float(np.mean(difference > 0) + 0.5 * np.mean(difference == 0))


@dataclass(frozen=True)
class Comparison:
    """Several sweeps with the same objectives.

    Attributes:
        contents: The sweeps, as they were given.
        reference: The common reference point, in each objective the worst of the sweeps' own; ``None`` if none has one.
        histories: For each sweep the hypervolume after each ended trial from the common reference.
        replicates: Hypervolumes over replicates; ``None`` if some sweep has no answers by row.
        unknown: Why there are no replicates; empty if there are.

    """

    contents: tuple[SweepContent, ...]
    reference: tuple[float, ...] | None
    histories: tuple[tuple[float, ...], ...]
    replicates: HypervolumeReplicates | None
    unknown: str

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives that all sweeps have."""
        return self.contents[0].summary.objectives

    @property
    def names(self) -> tuple[str, ...]:
        """What the sweeps are called."""
        return tuple(content.name for content in self.contents)

    @property
    def finals(self) -> tuple[float, ...]:
        """The hypervolume of each sweep at its end; 0 without a completed trial."""
        return tuple(history[-1] if history else 0.0 for history in self.histories)

    @property
    def order(self) -> tuple[int, ...]:
        """Places of the sweeps, the largest hypervolume first."""
        return tuple(sorted(range(len(self.contents)), key=lambda place: (-self.finals[place], place)))

    @property
    def equal_trials(self) -> int:
        """The number of ended trials that every sweep has."""
        return min((len(content.summary.trials) for content in self.contents), default=0)

    def at_equal_trials(self, place: int) -> float:
        """Give a sweep's hypervolume after as many ended trials as every sweep has."""
        return self.histories[place][self.equal_trials - 1] if self.histories[place] and self.equal_trials else 0.0

    def covered(self, one: int, by: int) -> float | None:
        """Give the share of a sweep's front that another's dominates or equals; ``None`` without a front.

        References:
            E. Zitzler, L. Thiele. Multiobjective evolutionary algorithms: a comparative case study and the strength
            Pareto approach. IEEE Transactions on Evolutionary Computation 3(4), 1999. Equation 7: the coverage C.
            https://doi.org/10.1109/4235.797969

        """
        own, other = (_front_gains(self.contents[place]) for place in (one, by))
        if not len(own):
            return None
        return float(np.mean([bool((other >= row).all(axis=1).any()) for row in own]))


def compare(
    contents: Sequence[SweepContent], *, replicates: HypervolumeReplicates | None = None, unknown: str = ""
) -> Comparison:
    """Measure sweeps against each other.

    Args:
        contents: The sweeps, two or more.
        replicates: Hypervolumes over replicates, from ``common_reference``.
        unknown: Why there are none.

    Raises:
        ResultsError: If two sweeps have different objectives.

    """
    check_objectives(contents)
    reference = common_reference(contents)
    return Comparison(
        contents=tuple(contents),
        reference=reference,
        histories=tuple(_history(content, reference) for content in contents),
        replicates=replicates,
        unknown=unknown,
    )


def check_objectives(contents: Sequence[SweepContent]) -> None:
    """Refuse sweeps that do not optimise the same.

    Raises:
        ResultsError: If two sweeps have different objectives.

    """
    first = contents[0]
    for other in contents[1:]:
        if other.summary.objectives != first.summary.objectives:
            raise ResultsError(
                f"sweeps are compared by the objectives that they share; {first.folder} has"
                f" {_objective_text(first)} and {other.folder} has {_objective_text(other)};"
                " compare sweeps with the same objectives in the same order"
            )


def common_reference(contents: Sequence[SweepContent]) -> tuple[float, ...] | None:
    """Give the point that is in each objective the worst of the sweeps' own reference points."""
    points = [content.summary.reference for content in contents if content.summary.reference]
    if not points:
        return None
    maximise = [objective.direction == "maximize" for objective in contents[0].summary.objectives]
    columns = zip(*points, strict=True)
    return tuple(min(column) if larger else max(column) for column, larger in zip(columns, maximise, strict=True))


def hypervolumes(
    recorded: Sequence[NDArray[np.float64]],
    draws: Sequence[NDArray[np.float64]],
    directions: Sequence[Direction],
    *,
    reference: Sequence[float],
    is_paired: bool,
) -> HypervolumeReplicates:
    """Compute the hypervolume of each replicate of each sweep, mirrored at the recorded one.

    Args:
        recorded: For each sweep its recorded scores, of shape ``[trials, objectives]``.
        draws: For each sweep scores of shape ``[replicates, trials, objectives]``.
        directions: Which way is better, per objective.
        reference: The common reference point.
        is_paired: Whether the same images were drawn for all sweeps in each replicate.

    References:
        A. C. Davison, D. V. Hinkley. Bootstrap Methods and their Application. Cambridge University Press, 1997.
        Section 5.2.1, equation 5.6.

    """

    def area(scores: NDArray[np.float64]) -> float:
        return pareto.hypervolume(scores, directions, reference=reference)

    values = [
        2 * area(own) - np.array([area(scores) for scores in replicates])
        for own, replicates in zip(recorded, draws, strict=True)
    ]
    return HypervolumeReplicates(tuple(values), is_paired)


def differing_settings(contents: Sequence[SweepContent]) -> list[tuple[str, tuple[str, ...]]]:
    """Give the keys of the sweep files that differ, with the value in each sweep; a dash where there is none."""
    flat = [_flattened(content.spec) for content in contents]
    keys = list(dict.fromkeys(key for one in flat for key in one))
    rows = [(key, tuple(one.get(key, "–") for one in flat)) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def differing_lineage(contents: Sequence[SweepContent]) -> list[tuple[str, tuple[str, ...]]]:
    """Give what differs of versions, commit, data and machine."""
    metadata = [content.summary.metadata for content in contents]
    keys = list(dict.fromkeys(key for one in metadata for key in one if key not in ("spec", "sweep_file")))
    rows = [(key, tuple(one.get(key, "–") for one in metadata)) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]


def is_searched(key: str) -> bool:
    """Tell whether a key of the sweep file says how it was searched, or how fast, and not what was measured."""
    return key.partition(".")[0] in SEARCHED_KEYS or key.startswith(HARMLESS_KEYS)


def _objective_text(content: SweepContent) -> str:
    return ", ".join(f"{objective.name} ({objective.direction})" for objective in content.summary.objectives)


def _history(content: SweepContent, reference: tuple[float, ...] | None) -> tuple[float, ...]:
    if reference is None:
        return ()
    summary = content.summary
    points = [trial.point or (np.nan,) * len(summary.objectives) for trial in summary.trials]
    history = pareto.hypervolume_history(points, list(summary.directions), reference=reference)
    return tuple(float(area) for area in history)


def _front_gains(content: SweepContent) -> NDArray[np.float64]:
    summary = content.summary
    signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in summary.directions])
    points = [trial.point for trial in summary.front if trial.point]
    return np.asarray(points, float).reshape(-1, len(signs)) * signs


def _interval(values: NDArray[np.float64]) -> Interval:
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
    return Interval(float(low), float(middle), float(high))


def _flattened(value: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(value, dict) and value:
        found: dict[str, str] = {}
        for key, inner in value.items():
            found |= _flattened(inner, f"{prefix}.{key}" if prefix else str(key))
        return found
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {prefix: text if len(text) <= 120 else f"{text[:119]}…"}
