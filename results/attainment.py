"""How far the front has come: hypervolume with its interval, and what is attained with which probability."""

from __future__ import annotations

import moocore
import numpy as np

from results import pareto
from results.findings import Attainment, AttainmentSurface, HypervolumeBand, KneeFrequency
from results.fronts import fronts_of
from results.gains import values_of
from results.membership import luck_of
from results.replicates import Replicates
from results.summary import Summary

LEVELS = (0.25, 0.5, 0.75)
MOST_MOMENTS = 40
_FEWER_REPLICATES = 200
_MOST_KNEES = 10
_MOST_CORNERS = 60


def hypervolume_band(summary: Summary, replicates: Replicates, *, moments: int = MOST_MOMENTS) -> HypervolumeBand:
    """Give the hypervolume's history with its interval.

    The interval is the basic bootstrap's: the quantiles of the replicates, mirrored at the recorded value. As lucky
    scores raise the recorded hypervolume above the true one, so do lucky replicates raise theirs above the recorded
    one; mirroring takes that off.

    Args:
        summary: Of the sweep; it has a reference point.
        replicates: Of its contenders.
        moments: After how many of the trials that raised it the interval is computed; the last is one of them, and
            the others are spread evenly.

    References:
        A. C. Davison, D. V. Hinkley. Bootstrap Methods and their Application. Cambridge University Press, 1997.
        Section 5.2.1, equation 5.6.
        V. Chernozhukov, I. Fernández-Val, A. Galichon. Improving point and interval estimators of monotone functions by
        rearrangement. Biometrika 96(3), 2009. https://doi.org/10.1093/biomet/asp030. Bounds of a history that never
        falls are put in order.

    """
    reference = np.asarray(summary.reference, float)
    measure = moocore.Hypervolume(reference, maximise=[way == "maximize" for way in summary.directions])
    place = {int(trial): index for index, trial in enumerate(replicates.trials)}
    ended = [place.get(trial.trial, -1) for trial in summary.trials]
    recorded = np.array(summary.hypervolumes)
    rises = np.flatnonzero((np.diff(recorded, prepend=0.0) > 0) | (np.arange(len(recorded)) == len(recorded) - 1))
    chosen = rises[np.unique(np.linspace(len(rises) - 1, 0, min(len(rises), moments)).round().astype(int))]
    draws = values_of(replicates.draws[:_FEWER_REPLICATES], replicates.objectives)
    bounds = np.zeros((3, len(chosen)))
    for index, moment in enumerate(chosen):
        so_far = [one for one in ended[: moment + 1] if one >= 0]
        areas = [float(measure(one)) for one in draws[:, so_far]] if so_far else [0.0]
        bounds[:, index] = 2 * recorded[moment] - np.quantile(areas, [0.975, 0.5, 0.025])
    bounds = np.sort(np.maximum(bounds, 0.0), axis=1)
    after = np.searchsorted(chosen, np.arange(len(recorded)), side="right") - 1
    low, middle, high = (np.where(after >= 0, bound[after], 0.0).tolist() for bound in bounds)
    return HypervolumeBand(
        trials=tuple(trial.trial for trial in summary.trials),
        recorded=summary.hypervolumes,
        low=tuple(low),
        middle=tuple(middle),
        high=tuple(high),
        reference=tuple(reference.tolist()),
    )


def attainment_of(replicates: Replicates) -> Attainment:
    """Give the empirical attainment surfaces of the replicates' fronts; two objectives only.

    The replicates lie around the corrected scores, those without the luck that put a trial on the front. Of a surface
    with many corners an even choice is kept, the extremes among them.

    References:
        V. Grunert da Fonseca, C. M. Fonseca, A. O. Hall. Inferential performance assessment of stochastic optimisers
        and the attainment function. EMO 2001. https://doi.org/10.1007/3-540-44719-9_15
        M. López-Ibáñez, L. Paquete, T. Stützle. Exploratory analysis of stochastic local search algorithms in
        biobjective optimization. 2010. https://doi.org/10.1007/978-3-642-02538-9_9. Computed by moocore.

    """
    luck = luck_of(replicates.gains, replicates.deviations, fronts_of(replicates.draws))
    draws = replicates.draws[:_FEWER_REPLICATES] - luck
    on = fronts_of(draws)
    losses = -draws[on]
    sets = np.repeat(np.arange(len(draws)) + 1, on.sum(axis=1))
    surfaces = moocore.eaf(losses, sets, percentiles=[100 * level for level in LEVELS])
    found = []
    for level in LEVELS:
        rows = -surfaces[np.isclose(surfaces[:, -1], 100 * level), :-1]
        rows = rows[np.argsort(-rows[:, 0], kind="stable")]
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_CORNERS)).round().astype(int))]
        found.append(
            AttainmentSurface(level, tuple(tuple(row) for row in values_of(rows, replicates.objectives).tolist()))
        )
    return Attainment(tuple(found))


def knee_frequency(summary: Summary, replicates: Replicates) -> KneeFrequency:
    """Count how often each trial is the knee of a replicate's front; two objectives only."""
    on = fronts_of(replicates.draws)
    draws = values_of(replicates.draws, replicates.objectives)
    counts: dict[int, int] = {}
    none = 0
    for draw, mask in zip(draws, on, strict=True):
        members = np.flatnonzero(mask)
        found = pareto.knee(draw[members], summary.directions)
        if found is None:
            none += 1
        else:
            trial = int(replicates.trials[members[found]])
            counts[trial] = counts.get(trial, 0) + 1
    total = len(on)
    own = None if summary.knee is None else summary.knee.trial
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_KNEES]
    return KneeFrequency(
        trial=own,
        share=0.0 if own is None else counts.get(own, 0) / total,
        shares=tuple((trial, count / total) for trial, count in ordered),
        none=none / total,
    )
