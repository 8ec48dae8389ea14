"""Which trial a preference chooses, and how often it would choose the same one again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from results.findings import Preference, PreferenceKind
from results.fronts import front_of
from results.gains import gains_of, widths_of
from results.replicates import Replicates
from results.schema import Objective
from results.summary import Summary

DROPS = (0.01, 0.02, 0.05)
"""By how much an objective may drop below the baseline, as a share of its width."""

AUGMENTATION = 0.05
_MOST_RIVALS = 3
_TINY = 1e-12


def preferences_of(summary: Summary, replicates: Replicates | None) -> tuple[Preference, ...]:
    """Give what each preference chooses among the completed trials; nothing for a single objective.

    Epsilon-constraints need a baseline: one objective may drop by a hundredth, a fiftieth or a twentieth of its width
    below the baseline, and the best trial in the first objective of another task is chosen, or in the first other one.
    Text objectives may drop, or each objective in a sweep without text or with nothing else. Augmented Chebyshev
    distances to the ideal point of the recorded front, in units of the front's width: all objectives count the same,
    and then each of them once counts double. First of all, where there is a reference point, the trial that dominates
    the most by itself: the largest product of gains over that point, whatever the units (Nash's bargaining solution
    with the reference point as the disagreement).

    Args:
        summary: Of the sweep.
        replicates: Of its contenders; without them no share is given.

    References:
        J. F. Nash. The bargaining problem. Econometrica 18(2), 1950. https://doi.org/10.2307/1907266.
        Y. Y. Haimes, L. S. Lasdon, D. A. Wismer. On a bicriterion formulation of the problems of integrated system
        identification and system optimization. IEEE Transactions on Systems, Man, and Cybernetics 1(3), 1971.
        R. E. Steuer, E.-U. Choo. An interactive weighted Tchebycheff procedure for multiple objective programming.
        Mathematical Programming 26, 1983. https://doi.org/10.1007/BF02591870. The factor of the sum, .05, is that of
        J. Knowles. ParEGO. IEEE Transactions on Evolutionary Computation 10(1), 2006. Equation 2.

    """
    completed = summary.completed
    if not completed or len(summary.objectives) < 2:
        return ()
    gains = gains_of([trial.point or () for trial in completed], summary.objectives)
    numbers = np.array([trial.trial for trial in completed], np.int64)
    wishes = [*_areas(summary), *_constraints(summary), *_distances(summary.objectives, gains)]
    return tuple(_chosen(wish, gains, numbers, replicates) for wish in wishes)


@dataclass(frozen=True)
class _Area:
    """The hypervolume that a trial dominates by itself above the reference point, given as gains."""

    kind: ClassVar[PreferenceKind] = "hypervolume"
    label: str
    reference: NDArray[np.float64]

    def scores(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the area, of shape ``[..., n]``; minus infinity where a trial is not better in every objective."""
        area = np.clip(gains - self.reference, 0, None).prod(axis=-1)
        return np.where(area > 0, area, -np.inf)


@dataclass(frozen=True)
class _Constraint:
    """Best in ``aim`` among the trials with at least ``floor`` in ``limited``; gains, by place of the objective."""

    kind: ClassVar[PreferenceKind] = "epsilon_constraint"
    label: str
    names: tuple[str, str]
    aim: int
    limited: int
    drop: float
    floor: float

    def scores(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give what is to be as large as possible, of shape ``[..., n]``; minus infinity where it is not met."""
        return np.where(gains[..., self.limited] >= self.floor, gains[..., self.aim], -np.inf)


@dataclass(frozen=True)
class _Distance:
    """The augmented Chebyshev distance to the ideal."""

    kind: ClassVar[PreferenceKind] = "chebyshev"
    label: str
    weights: tuple[float, ...]
    ideal: NDArray[np.float64]
    width: NDArray[np.float64]

    def scores(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give minus the distance, of shape ``[..., n]``."""
        short = np.asarray(self.weights) * (self.ideal - gains) / self.width
        return -(short.max(axis=-1) + AUGMENTATION * short.sum(axis=-1))


def _areas(summary: Summary) -> list[_Area]:
    if summary.reference is None:
        return []
    return [_Area("most hypervolume by itself", gains_of(summary.reference, summary.objectives))]


def _constraints(summary: Summary) -> list[_Constraint]:
    if summary.baseline is None or summary.baseline.point is None:
        return []
    objectives, baseline = summary.objectives, summary.baseline.point
    tasks = [objective.name.partition(".")[0] for objective in objectives]
    texts = [index for index, task in enumerate(tasks) if task == "text"]
    limited_ones = texts if 0 < len(texts) < len(objectives) else range(len(objectives))
    widths = widths_of(objectives, baseline=baseline)
    found: list[_Constraint] = []
    for limited in limited_ones:
        others = [index for index in range(len(objectives)) if index != limited]
        aim = next((index for index in others if tasks[index] != tasks[limited]), others[0])
        is_maximised = objectives[limited].direction == "maximize"
        for share in DROPS:
            drop = share * widths[limited]
            worst = list(baseline)
            worst[limited] += -drop if is_maximised else drop
            verb = "drop" if is_maximised else "rise"
            found.append(
                _Constraint(
                    label=f"{objectives[limited].name} may {verb} by at most {drop:.3g}; best {objectives[aim].name}",
                    names=(objectives[aim].name, objectives[limited].name),
                    aim=aim,
                    limited=limited,
                    drop=drop,
                    floor=float(gains_of(worst, objectives)[limited]) - _TINY,
                )
            )
    return found


def _distances(objectives: Sequence[Objective], gains: NDArray[np.float64]) -> list[_Distance]:
    front = gains[front_of(gains)]
    ideal = front.max(axis=0)
    width = np.maximum(ideal - front.min(axis=0), _TINY)
    count = len(objectives)
    found = [_Distance("all objectives count the same", (1 / count,) * count, ideal, width)]
    for index, objective in enumerate(objectives):
        weights = tuple((2 if other == index else 1) / (count + 1) for other in range(count))
        found.append(_Distance(f"{objective.name} counts double", weights, ideal, width))
    return found


def _chosen(
    wish: _Area | _Constraint | _Distance,
    gains: NDArray[np.float64],
    numbers: NDArray[np.int64],
    replicates: Replicates | None,
) -> Preference:
    scores = wish.scores(gains)
    trial = int(numbers[scores.argmax()]) if np.isfinite(scores).any() else None
    share, feasible, rivals = None, None, ()
    if replicates is not None:
        drawn = wish.scores(replicates.draws)
        counts = Counter(replicates.trials[drawn.argmax(axis=1)[np.isfinite(drawn).any(axis=1)]].tolist())
        share = 0.0 if trial is None else counts[trial] / len(drawn)
        others = sorted(
            ((other, times) for other, times in counts.items() if other != trial), key=lambda x: (-x[1], x[0])
        )
        rivals = tuple((int(other), times / len(drawn)) for other, times in others[:_MOST_RIVALS])
        if isinstance(wish, _Constraint) and trial in replicates.trials:
            feasible = float(np.isfinite(drawn[:, replicates.trials == trial]).mean())
    is_constraint = isinstance(wish, _Constraint)
    return Preference(
        kind=wish.kind,
        label=wish.label,
        aim=wish.names[0] if is_constraint else "",
        limited=wish.names[1] if is_constraint else "",
        drop=wish.drop if is_constraint else None,
        weights=wish.weights if isinstance(wish, _Distance) else (),
        trial=trial,
        share=share,
        feasible_share=feasible,
        rivals=rivals,
    )
