"""The fronts of many replicates at once; ``results.pareto`` has those of single sets of scores."""

from __future__ import annotations

import moocore
import numpy as np
from numpy.typing import NDArray


def front_of(gains: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows no other row dominates; equal rows do not dominate each other.

    Args:
        gains: Finite, larger is better, of shape ``[n, objectives]``.

    Returns:
        A mask of shape ``[n]``.

    """
    if not len(gains):
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(moocore.is_nondominated(gains, maximise=True, keep_weakly=True), dtype=np.bool_)


def fronts_of(draws: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell for each replicate which rows no other row dominates, as ``front_of`` does for one.

    With two objectives all replicates are sorted together, which is several times faster than one by one.

    Args:
        draws: Finite, larger is better, of shape ``[replicates, n, objectives]``.

    Returns:
        A mask of shape ``[replicates, n]``.

    References:
        H. T. Kung, F. Luccio, F. P. Preparata. On finding the maxima of a set of vectors. Journal of the ACM 22(4),
        1975. https://doi.org/10.1145/321906.321910. Section 2: two objectives.

    """
    if draws.shape[1] == 0 or draws.shape[2] != 2:
        return np.array([front_of(one) for one in draws], dtype=np.bool_).reshape(draws.shape[:2])
    order = np.lexsort((-draws[:, :, 1], -draws[:, :, 0]), axis=1)
    first, second = (np.take_along_axis(draws[:, :, place], order, axis=1) for place in (0, 1))
    best_before = np.maximum.accumulate(second, axis=1)[:, :-1]
    is_best = np.ones(order.shape, dtype=np.bool_)
    is_best[:, 1:] = second[:, 1:] > best_before
    is_new = np.ones(order.shape, dtype=np.bool_)
    is_new[:, 1:] = (first[:, 1:] != first[:, :-1]) | (second[:, 1:] != second[:, :-1])
    leader = np.maximum.accumulate(np.where(is_new, np.arange(order.shape[1]), 0), axis=1)
    found = np.empty(order.shape, dtype=np.bool_)
    np.put_along_axis(found, order, np.take_along_axis(is_best, leader, axis=1), axis=1)
    return found
