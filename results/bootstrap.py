"""The paired bootstrap over images: one weight for each image and replicate, the same for all trials and scores.

Every score is a ratio of sums over rows, so a replicate's scores are products of matrices: weights
``[replicates, clusters]`` times sums ``[clusters, runs]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

REPLICATES = 1000

Run = tuple[int, int]
"""A training: the trial's number, and the number of its confirmation run or ``SEARCH`` for the search itself."""

SEARCH = -1
_RUNS = 1 << 32
_DIGITS = 12


@dataclass(frozen=True)
class ClusterSums:
    """A score's sums over the rows of each cluster.

    Attributes:
        scores: Numerators, of shape ``[clusters, runs]``.
        weights: Denominators, of shape ``[clusters, runs]``.
        rows: Number of rows that count, of shape ``[runs]``.
        clusters: Number of clusters with such a row, of shape ``[runs]``.

    """

    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    rows: NDArray[np.int64]
    clusters: NDArray[np.int64]

    @property
    def ratios(self) -> NDArray[np.float64]:
        """Give each run's score, of shape ``[runs]``; NaN where no row counts."""
        return _ratio(self.scores.sum(axis=0), self.weights.sum(axis=0))

    @property
    def influences(self) -> NDArray[np.float64]:
        """Give what each cluster adds to each run's score, of shape ``[clusters, runs]``.

        The squares of a column sum to the score's variance over other rows (the delta method for a ratio).
        """
        totals = self.weights.sum(axis=0)
        return (self.scores - self.ratios * self.weights) / np.where(totals > 0, totals, np.nan)

    def of(self, runs: NDArray[np.int64]) -> ClusterSums:
        """Keep some runs, by their places."""
        return ClusterSums(self.scores[:, runs], self.weights[:, runs], self.rows[runs], self.clusters[runs])


class RowTable:
    """The predicted rows of one split, by cluster and run.

    A cluster is an image with all its rows, and each row without an image. Of a run's rows those of its last attempt
    and step count. Rows of items that the record does not know, and items that nobody predicted, are left out.

    Args:
        predictions: As ``read_predictions`` gives them.
        items: As ``read_items`` gives them.
        split: ``search``, ``confirm`` or ``test``.

    """

    def __init__(self, predictions: pd.DataFrame, items: pd.DataFrame, *, split: str) -> None:
        rows = predictions.loc[(predictions["split"] == split).to_numpy(bool)]
        items = items.loc[(items["split"] == split).to_numpy(bool)].drop_duplicates("item")
        place = pd.Index(items["item"]).get_indexer(pd.Index(rows["item"]))
        if (place < 0).any():
            rows, place = rows.loc[place >= 0], place[place >= 0]
        run = rows["run"].fillna(SEARCH).to_numpy(np.int64)
        keys = rows["trial"].to_numpy(np.int64) * _RUNS + run - SEARCH
        is_last = _is_last(keys, rows)
        self._rows, place, keys = rows.loc[is_last], place[is_last], keys[is_last]
        codes, found = pd.factorize(keys, sort=True)
        self._run_of_row = np.asarray(codes, np.int64)
        self.runs: tuple[Run, ...] = tuple((int(key // _RUNS), int(key % _RUNS) + SEARCH) for key in found)
        image = items["image"].fillna("").to_numpy(str)
        own = np.where(image == "", np.char.add("row ", items["item"].to_numpy(str)), np.char.add("image ", image))
        of_item, _ = pd.factorize(own, sort=True)
        seen, labels = np.unique(np.asarray(of_item, np.int64)[place], return_inverse=True)
        self._cluster_of_row = labels.astype(np.int64)
        self.clusters = len(seen)
        self._item_of_row = place
        self._slices = items["slices"].to_numpy() if "slices" in items else np.full(len(items), None)

    @property
    def items(self) -> int:
        """Number of different items that were predicted."""
        return len(np.unique(self._item_of_row))

    def places(self, runs: list[Run]) -> NDArray[np.int64]:
        """Give the places of runs, of shape ``[n]``; -1 for one without rows."""
        place = {run: index for index, run in enumerate(self.runs)}
        return np.array([place.get(run, -1) for run in runs], dtype=np.int64)

    def sums(self, metric: str, *, slice_name: str | None = None) -> ClusterSums | None:
        """Add up a score, or give ``None`` if it is not recorded by row.

        Args:
            metric: The score's name.
            slice_name: Count only rows of this slice.

        """
        score_column, weight_column = f"score.{metric}", f"weight.{metric}"
        if score_column not in self._rows or weight_column not in self._rows:
            return None
        scores = self._rows[score_column].to_numpy(float)
        weights = self._rows[weight_column].to_numpy(float)
        counts = np.isfinite(scores) & np.isfinite(weights)
        if slice_name is not None:
            counts &= self._in_slice(slice_name)
        if not counts.any():
            return None
        shape = self.clusters, len(self.runs)
        cell = (self._cluster_of_row * shape[1] + self._run_of_row)[counts]
        size = shape[0] * shape[1]
        rows = np.bincount(cell, minlength=size).reshape(shape)
        return ClusterSums(
            scores=np.bincount(cell, scores[counts], minlength=size).reshape(shape).astype(float),
            weights=np.bincount(cell, weights[counts], minlength=size).reshape(shape).astype(float),
            rows=rows.sum(axis=0),
            clusters=(rows > 0).sum(axis=0),
        )

    def slice_names(self) -> tuple[str, ...]:
        """Name the slices that any predicted row belongs to, sorted."""
        predicted = self._slices[np.unique(self._item_of_row)]
        return tuple(sorted({str(name) for names in predicted if names is not None for name in names}))

    def metrics(self) -> tuple[str, ...]:
        """Name the scores that are recorded by row, in the order of their columns."""
        names = [str(name).removeprefix("score.") for name in self._rows if str(name).startswith("score.")]
        return tuple(name for name in names if self._rows[f"score.{name}"].notna().any())

    def _in_slice(self, name: str) -> NDArray[np.bool_]:
        return np.array([names is not None and name in names for names in self._slices], dtype=bool)[self._item_of_row]


def cluster_weights(rng: np.random.Generator, clusters: int, *, replicates: int = REPLICATES) -> NDArray[np.float64]:
    """Draw how often each cluster comes in each replicate.

    Returns:
        Counts of shape ``[replicates, clusters]``; every row sums to ``clusters``.

    References:
        B. Efron, R. J. Tibshirani. An Introduction to the Bootstrap. Chapman & Hall, 1993. Chapter 8: for data that
        hang together, the independent units are drawn and not the values.

    """
    if clusters == 0:
        return np.zeros((replicates, 0))
    drawn = rng.integers(clusters, size=(replicates, clusters)) + clusters * np.arange(replicates)[:, None]
    return np.bincount(drawn.ravel(), minlength=replicates * clusters).reshape(replicates, clusters).astype(float)


def ratio_replicates(weights: NDArray[np.float64], sums: ClusterSums) -> NDArray[np.float64]:
    """Give each replicate's scores.

    Args:
        weights: Of shape ``[replicates, clusters]``.
        sums: Of the score.

    Returns:
        Scores of shape ``[replicates, runs]``. Where a replicate has drawn no row that counts, the score of all rows
        takes its place.

    """
    ratios = _ratio(weights @ sums.scores, weights @ sums.weights)
    return np.where(np.isfinite(ratios), ratios, sums.ratios)


def deviation_replicates(
    rng: np.random.Generator, sums: Sequence[ClusterSums], *, replicates: int = REPLICATES
) -> NDArray[np.float64]:
    """Give how far each replicate's scores are from the recorded ones, by the multiplier bootstrap.

    Each cluster gets a normal weight of mean 0 and variance 1 and adds its influence as often. Drawing whole clusters
    cannot turn a difference around that a single image makes: it comes more or less often, and never the other way,
    so that the bootstrap would be certain of it. Normal weights give it the error that it has, one standard error.

    Args:
        rng: The generator.
        sums: Of each score, over the same clusters and runs.
        replicates: How many.

    Returns:
        Deviations of shape ``[replicates, runs, scores]``, in the scores' units; NaN for a run without rows.

    References:
        A. W. van der Vaart, J. A. Wellner. Weak Convergence and Empirical Processes. Springer, 1996. Section 2.9,
        with the delta method for a ratio.

    """
    clusters = len(sums[0].scores)
    weights = rng.standard_normal((replicates, clusters)) * np.sqrt(clusters / max(clusters - 1, 1))
    # products of equal columns may differ in their last bit, which would decide between trials that answered the same
    return np.round(np.stack([weights @ one.influences for one in sums], axis=2), _DIGITS)


def _is_last(keys: NDArray[np.int64], rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows belong to the last attempt, and its last step, of their run."""
    codes, _ = pd.factorize(keys)
    order = rows["attempt"].to_numpy(np.int64) * (1 << 32) + rows["step"].to_numpy(np.int64)
    last = np.full(int(codes.max(initial=-1)) + 1, np.iinfo(np.int64).min)
    np.maximum.at(last, codes, order)
    return order == last[codes]


def _ratio(scores: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weights > 0, scores / weights, np.nan)
