"""P(non-dominated): how sure it is that a trial belongs on the front.

The front is chosen by the same scores that are then resampled, so its members are lucky, and a plain bootstrap takes
their luck for merit. The same bootstrap is therefore tried out on sweeps whose truth is known: the recorded scores are
taken for true, noise is added, and the bootstrap's share is compared with how often it was right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from results.findings import Interval, Member, Membership
from results.fronts import front_of, fronts_of
from results.gains import values_of
from results.replicates import Replicates

WORLDS = 100
"""Sweeps with known truth on which the bootstrap is tried out; each is resampled as often."""

_NEGLIGIBLE = 0.01
_MOST_ODDS = 0.995
_RIDGE = 1.0
_MOST_STEPS = 50


def membership_of(replicates: Replicates) -> Membership:
    """Give P(non-dominated) of each contender.

    It is the share of replicates in which no other contender dominates the trial, corrected for the winner's curse:
    never more than that share, and less where simulated sweeps show that such a share is right less often.

    References:
        R. Beran. Prepivoting to reduce level error of confidence sets. Biometrika 74(3), 1987.
        https://doi.org/10.1093/biomet/74.3.457. The bootstrap is calibrated by a bootstrap of itself.
        J. Platt. Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods.
        Advances in Large Margin Classifiers, 1999. The curve of the calibration is logistic in the log odds.

    """
    draws = replicates.draws
    on = fronts_of(draws)
    share = on.mean(axis=0)
    probability = calibrated(replicates.gains, replicates.deviations, share=share)
    recorded = front_of(replicates.gains)
    corrected = replicates.gains - luck_of(replicates.gains, replicates.deviations, on)
    quantiles = np.quantile(corrected + replicates.deviations, [0.025, 0.5, 0.975], axis=0)
    objectives = replicates.objectives
    shown, own = values_of(corrected, objectives), values_of(replicates.gains, objectives)
    bounds = np.sort(values_of(quantiles, objectives), axis=0)
    members = [
        Member(
            trial=int(trial),
            on_front=bool(recorded[index]),
            probability=float(probability[index]),
            recorded=tuple(own[index].tolist()),
            corrected=tuple(shown[index].tolist()),
            intervals=tuple(Interval(*bounds[:, index, objective].tolist()) for objective in range(len(objectives))),
        )
        for index, trial in enumerate(replicates.trials)
    ]
    return Membership(
        members=tuple(sorted(members, key=lambda member: (-member.probability, member.trial))),
        expected_front_size=float(on.sum(axis=1).mean()),
    )


def luck_of(gains: NDArray[np.float64], deviations: NDArray[np.float64], on: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give how far above its expectation a trial of the recorded front scores because it is on it.

    Args:
        gains: Recorded gains, of shape ``[n, objectives]``.
        deviations: Of shape ``[replicates, n, objectives]``.
        on: Whether a trial is on the front of a replicate, of shape ``[replicates, n]``.

    Returns:
        Of shape ``[n, objectives]``: for a member of the recorded front its mean deviation from the trials' mean
        deviation, over the replicates in which it is on the front; 0 for the others.

    References:
        L. Sun, A. Dimitromanolakis, L. L. Faye, A. D. Paterson, D. Waggott, S. B. Bull. BR-squared: a practical
        solution to the winner's curse in genome-wide scans. Human Genetics 129, 2011.
        https://doi.org/10.1007/s00439-011-0948-2. Selection there is by a threshold, here by dominance.

    """
    apart = deviations - deviations.mean(axis=1, keepdims=True)
    luck = np.einsum("bnk,bn->nk", apart, on) / np.maximum(on.sum(axis=0), 1)[:, None]
    return np.where(front_of(gains)[:, None], luck, 0.0)


def calibrated(
    gains: NDArray[np.float64], deviations: NDArray[np.float64], *, share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Correct the bootstrap's shares by what they are worth in sweeps whose truth is known.

    Args:
        gains: Recorded gains, of shape ``[n, objectives]``; the truth of the simulated sweeps.
        deviations: Of the replicates, of shape ``[replicates, n, objectives]``. The first ones are the noise of the
            simulated sweeps, the next ones resample them.
        share: The bootstrap's share for each trial, of shape ``[n]``.

    Returns:
        Probabilities of shape ``[n]``, none above its share.

    """
    near = np.flatnonzero(share >= _NEGLIGIBLE)
    if len(near) < 2:
        return share
    worlds = min(WORLDS, len(deviations) // 2)
    truth = front_of(gains[near])
    noise = deviations[:, near]
    shares = np.stack(
        [fronts_of(gains[near] + noise[world] + noise[worlds : 2 * worlds]).mean(axis=0) for world in range(worlds)]
    )
    counts = shares >= _NEGLIGIBLE
    intercept, slope = _logistic(_log_odds(shares[counts]), np.broadcast_to(truth, shares.shape)[counts])
    return np.minimum(share, 1 / (1 + np.exp(-(intercept + slope * _log_odds(share)))))


def _log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
    bounded = np.clip(share, 1 - _MOST_ODDS, _MOST_ODDS)
    return np.log(bounded / (1 - bounded))


def _logistic(x: NDArray[np.float64], outcome: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit a logistic curve by Newton's method, drawn towards the identity by a weak ridge."""
    design, identity = np.column_stack([np.ones_like(x), x]), np.array([0.0, 1.0])
    beta = identity.copy()
    for _ in range(_MOST_STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        slope = design.T @ (outcome - fitted) - _RIDGE * (beta - identity)
        curvature = (design.T * (fitted * (1 - fitted))) @ design + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return float(beta[0]), max(float(beta[1]), 0.0)
