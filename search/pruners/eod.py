"""Stop what a finished trial would still dominate after the largest gain that can be hoped for from there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from search.pruners.base import Pruner
from search.pruners.curves import Curve, CurvePool


class OptimisticDominancePruner(Pruner):
    """Exposure-indexed optimistic dominance: compares trials where they have had the same share of their signal.

    For each objective, the gain still to come is a quantile, over the finished trials, of what they gained between
    the running trial's exposure and their end, and at least 0. The largest gain of a sample falls short of the largest
    possible one; with quantile 1 it is raised by its n-th part, n being the number of finished trials. A trial is
    stopped if a finished trial is at least as good in every objective as the running one would be after these gains.
    It is never stopped for its rank, so a trial that learns a task late is not held against those that learned it
    early.

    A finished trial whose first report came at a larger exposure says nothing about the gain from there.

    Args:
        warmup_trials: Finished trials that must tell a gain in each objective before anything is stopped.
        gain_quantile: In (0, 1]; 1 is the largest gain to be hoped for; of several gains around a smaller quantile the
            larger counts.

    References:
        L. A. Goodman. Serial number analysis. Journal of the American Statistical Association 47, 1952.
        https://doi.org/10.1080/01621459.1952.10501184. The estimator of the largest value of a uniform distribution,
        here for gains from 0 upwards.

    """

    def __init__(self, *, warmup_trials: int, gain_quantile: float) -> None:
        self._warmup_trials = max(warmup_trials, 1)
        self._gain_quantile = gain_quantile

    @override
    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        if len(pool.finished) < self._warmup_trials:
            return None
        step, finals = max(running.vectors), pool.finals()
        own = np.asarray(running.vectors[step])
        if not len(_at_least(finals, own)):  # gains are never negative
            return None
        gains = self._gains(finals - pool.values_at(running.exposures[step]))
        if gains is None:
            return None
        better = _at_least(finals, own + gains)
        if not len(better):
            return None
        number = min(pool.finished[index].number for index in better)
        return (
            f"trial {number} ended better in every objective than this one could, by the gains seen from step {step} on"
        )

    def _gains(self, seen: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Give the gain still to come in each objective, or ``None`` if too few trials tell it."""
        counts = np.count_nonzero(seen == seen, axis=0)  # NaN differs from itself
        if counts.min() < self._warmup_trials:
            return None
        places = [math.ceil(self._gain_quantile * (count - 1)) for count in counts.tolist()]
        ordered = np.sort(seen, axis=0)  # NaN comes last
        gains = np.maximum(ordered[places, np.arange(len(places))], 0.0)
        return gains * (1 + 1 / counts) if self._gain_quantile == 1 else gains


def _at_least(finals: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Give the rows that are at least as good in every objective."""
    return np.flatnonzero((finals >= values).all(axis=1))
