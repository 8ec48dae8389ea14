"""Which trials trade two objectives best, and how good the set of them is.

Every function takes scores as they were measured and the direction of each objective. A row with a score that is
not finite has no place in the comparison: it is never on the front and adds no hypervolume.
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from results.errors import ResultsError
from results.schema import Direction, Objective

REFERENCE_MARGIN = 0.05
"""How far below the baseline the reference point lies, as a share of the objective's width."""

_SMALLEST_MARGIN = 1e-9
_STRAIGHT = 1e-12
_FEWEST_FOR_QUARTILES = 8


def nondominated(values: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.bool_]:
    """Tell which rows no other row dominates; equal rows do not dominate each other.

    Args:
        values: Scores of shape ``[n, objectives]``.
        directions: Which way is better, per objective.

    Returns:
        A mask of shape ``[n]``.

    """
    return ranks(values, directions) == 0


def ranks(values: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.int64]:
    """Give each row's layer: 0 for the front, 1 for the front of what remains without it, and so on.

    Args:
        values: Scores of shape ``[n, objectives]``.
        directions: Which way is better, per objective.

    Returns:
        Layers of shape ``[n]``; -1 where a score is not finite.

    References:
        K. Deb, A. Pratap, S. Agarwal, T. Meyarivan. A fast and elitist multiobjective genetic algorithm: NSGA-II.
        IEEE Transactions on Evolutionary Computation 6(2), 2002. Section III.A.
        https://doi.org/10.1109/4235.996017

    """
    rows = _rows(values, directions)
    finite = np.isfinite(rows).all(axis=1)
    layers = np.full(len(rows), -1, dtype=np.int64)
    if finite.any():
        layers[finite] = moocore.pareto_rank(rows[finite], maximise=_maximise(directions))
    return layers


def hypervolume(values: ArrayLike, directions: Sequence[Direction], *, reference: ArrayLike) -> float:
    """Give the area (volume) that the rows dominate and that is better than the reference point.

    Args:
        values: Scores of shape ``[n, objectives]``.
        directions: Which way is better, per objective.
        reference: The reference point, of shape ``[objectives]``.

    References:
        E. Zitzler, L. Thiele. Multiobjective optimization using evolutionary algorithms: a comparative case study.
        PPSN V, 1998. https://doi.org/10.1007/BFb0056872

    """
    rows = _rows(values, directions)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return 0.0
    return float(moocore.hypervolume(rows, ref=np.asarray(reference, float), maximise=_maximise(directions)))


def hypervolume_history(
    values: ArrayLike, directions: Sequence[Direction], *, reference: ArrayLike
) -> NDArray[np.float64]:
    """Give the hypervolume after each row, in the rows' order.

    Args:
        values: Scores of shape ``[n, objectives]``, in the order in which the trials ended.
        directions: Which way is better, per objective.
        reference: The reference point, of shape ``[objectives]``; one for the whole history.

    Returns:
        Hypervolumes of shape ``[n]``, never falling.

    """
    rows = _rows(values, directions)
    history = np.zeros(len(rows))
    front = rows[:0]
    reached = 0.0
    for index, row in enumerate(rows):
        if np.isfinite(row).all():
            grown = np.vstack([front, row])
            front = grown[nondominated(grown, directions)]
            reached = max(reached, hypervolume(front, directions, reference=reference))
        history[index] = reached
    return history


def reference_point(baseline: ArrayLike, objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """Give the point that the hypervolume is measured from: somewhat worse than the baseline in every objective.

    It depends on the baseline alone. A reference taken from the worst score seen would move with every trial.

    Args:
        baseline: Scores of the baseline trial, of shape ``[objectives]``.
        objectives: The objectives. The margin is 5 % of the width between an objective's bounds, and 5 % of the
            baseline's size where a bound is missing.

    Returns:
        The reference point, of shape ``[objectives]``; it may lie outside the bounds.

    Raises:
        ResultsError: If a baseline score is not finite.

    """
    scores = np.asarray(baseline, float)
    if scores.shape != (len(objectives),) or not np.isfinite(scores).all():
        raise ResultsError(f"the baseline must have one finite score per objective; got {scores.tolist()}")
    signs = np.where(_maximise([objective.direction for objective in objectives]), 1.0, -1.0)
    margins = [_margin(score, objective) for score, objective in zip(scores, objectives, strict=True)]
    return scores - signs * np.asarray(margins)


def knee(values: ArrayLike, directions: Sequence[Direction]) -> int | None:
    """Find the row of the front that bulges most: the farthest from the chord between the front's extremes.

    The knee of a flat front is noise.

    Args:
        values: Scores of two objectives, of shape ``[n, 2]``.
        directions: Which way is better, per objective.

    Returns:
        The row's index, or ``None`` if the front has fewer than three different points or none of them lies on the
        better side of the chord.

    Raises:
        ResultsError: If there are not exactly two objectives.

    References:
        I. Das. On characterizing the "knee" of the Pareto curve based on normal-boundary intersection. Structural
        Optimization 18, 1999. https://doi.org/10.1007/BF01195985
        The chord of the extremes stands in for the convex hull of individual minima; in two objectives they are
        the same line.

    """
    rows = _rows(values, directions)
    if rows.shape[1] != 2:
        raise ResultsError(f"a knee needs two objectives; got {rows.shape[1]}")
    members = np.flatnonzero(nondominated(rows, directions))
    gains = rows[members] * np.where(_maximise(directions), 1.0, -1.0)
    points, first_index = np.unique(gains, axis=0, return_index=True)
    if len(points) < 3:
        return None
    scaled = (points - points[0]) / np.abs(points[-1] - points[0])  # the chord now falls from (0, 0) to (1, -1)
    distances = scaled[:, 0] + scaled[:, 1]
    best = int(np.argmax(distances))
    return int(members[first_index[best]]) if distances[best] > _STRAIGHT else None


def far_worse(values: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.bool_]:
    """Tell which rows are so much worse than most, in some objective, that a figure is better without them.

    A row is, if it lies beyond Tukey's outer fence, three times the quartiles' distance from the worse quartile. Rows
    of the front never are, and none is among fewer than eight.

    Args:
        values: Scores of shape ``[n, objectives]``.
        directions: Which way is better, per objective.

    Returns:
        A mask of shape ``[n]``.

    References:
        J. W. Tukey. Exploratory Data Analysis. Addison-Wesley, 1977. Section 2D.

    """
    rows = _rows(values, directions)
    finite = np.isfinite(rows).all(axis=1)
    if finite.sum() < _FEWEST_FOR_QUARTILES:
        return np.zeros(len(rows), dtype=np.bool_)
    gains = rows * np.where(_maximise(directions), 1.0, -1.0)
    low, high = np.quantile(gains[finite], [0.25, 0.75], axis=0)
    beyond = gains < low - 3 * (high - low)
    return finite & (beyond & (high > low)).any(axis=1) & ~nondominated(rows, directions)


def _margin(score: float, objective: Objective) -> float:
    if objective.low is not None and objective.high is not None:
        return max(REFERENCE_MARGIN * (objective.high - objective.low), _SMALLEST_MARGIN)
    return max(REFERENCE_MARGIN * abs(score), _SMALLEST_MARGIN)


def _maximise(directions: Sequence[Direction]) -> list[bool]:
    return [direction == "maximize" for direction in directions]


def _rows(values: ArrayLike, directions: Sequence[Direction]) -> NDArray[np.float64]:
    rows = np.asarray(values, float)
    if rows.size == 0:
        return rows.reshape(0, len(directions))
    if rows.ndim != 2 or rows.shape[1] != len(directions):
        raise ResultsError(f"expected scores of shape [n, {len(directions)}]; got {list(rows.shape)}")
    return rows
