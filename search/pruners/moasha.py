"""Stop what is not among the better share of its rung, by non-dominated layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from results.pareto import ranks
from search.pruners.base import Pruner
from search.pruners.curves import Curve, CurvePool


class MoashaPruner(Pruner):
    """Asynchronous successive halving for several objectives, in the variant that stops and never resumes.

    At each of its rungs a trial goes on only if it is among the best ``1 / eta`` of all trials that have reported
    there so far: layers of non-dominated trials in order, and within the layer that is cut an epsilon net, which
    begins with the best of the first objective and adds what is farthest from those it has.

    Distances are measured between the objectives' ranks, so no objective's unit matters.

    Args:
        steps: Reported steps, rising; it judges at the first, and then where the steps have grown by ``eta``.
        warmup_trials: Finished trials before anything is stopped.
        eta: Inverse of the share that goes on.

    References:
        R. Schmucker, M. Donini, M. B. Zafar, D. Salinas, C. Archambeau. Multi-objective Asynchronous Successive
        Halving. 2021. https://arxiv.org/abs/2106.12639. Algorithm 1 and section 4.2. There, distances are
        Euclidean in the objectives themselves, and trials are promoted instead of stopped.

    """

    def __init__(self, *, steps: Sequence[int], warmup_trials: int, eta: int = 2) -> None:
        self._rungs = frozenset(_spaced(steps, eta))
        self._warmup_trials = warmup_trials
        self._eta = eta

    @override
    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        step = max(running.vectors)
        if step not in self._rungs or len(pool.finished) < self._warmup_trials:
            return None
        entries = sorted({**pool.at_step(step), running.number: running.vectors[step]}.items())
        keep = len(entries) // self._eta
        if keep == 0:
            return None
        numbers = [number for number, _ in entries]
        place = _place(np.array([vector for _, vector in entries]), numbers.index(running.number))
        if place < keep:
            return None
        return f"not among the best {keep} of {len(entries)} trials at step {step}, by non-dominated layers"


def _spaced(steps: Sequence[int], eta: int) -> list[int]:
    rungs: list[int] = []
    for step in steps:
        if not rungs or step >= eta * rungs[-1]:
            rungs.append(step)
    return rungs


def _place(values: NDArray[np.float64], index: int) -> int:
    """Give a row's place in the order of layers and, within its layer, of the epsilon net."""
    layers = ranks(values, ["maximize"] * values.shape[1])
    before = int((layers < layers[index]).sum())
    members = np.flatnonzero(layers == layers[index])
    places = np.column_stack([np.unique(column, return_inverse=True)[1] / len(values) for column in values.T])
    return before + _net_order(places[members]).index(int(np.flatnonzero(members == index)[0]))


def _net_order(points: NDArray[np.float64]) -> list[int]:
    """Order points so that each prefix covers them well: the best in the first objective, then always the farthest."""
    order = [int(np.argmax(points[:, 0]))]
    distances = np.linalg.norm(points - points[order[0]], axis=1)
    distances[order[0]] = -1.0
    while len(order) < len(points):
        farthest = int(np.argmax(distances))
        order.append(farthest)
        distances = np.minimum(distances, np.linalg.norm(points - points[farthest], axis=1))
        distances[order] = -1.0
    return order
