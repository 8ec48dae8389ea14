"""How much trials of a finished sweep differ on single rows, from its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from results import read_predictions, read_sweep_json

_MOST_TRIALS = 40


def paired_spreads(folder: Path, metrics: Sequence[str]) -> dict[str, tuple[float, int]]:
    """Give the spread of each objective's differences between trials, and the number of pairs of trials.

    Of a score that is a ratio, the sum of the rows' scores by the sum of their weights, a row's part is its deviation
    ``(score − ratio · weight) / mean weight``, the delta method for ratios (Cochran 1977, *Sampling Techniques*, 3rd
    ed., section 2.11, 6.4); with weights of 1 that is the score less its mean. A perplexity is compared by its
    logarithm, so that a point is one percent of it. All pairs of trials count alike: the root of the mean of their
    variances is given.

    Args:
        folder: Of a sweep.
        metrics: Names of the objectives.

    Returns:
        By objective; one that the folder holds no predictions for is missing.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    recorded = read_sweep_json(folder).columns.row_scores
    there = [metric for metric in metrics if metric in recorded]
    columns = ["trial", "run", "item", *(f"{kind}.{metric}" for metric in there for kind in ("score", "weight"))]
    rows = read_predictions(folder, split="search", columns=columns)
    rows = rows.loc[rows["run"].isna()]
    found = {metric: _spread(rows, metric) for metric in there}
    return {metric: value for metric, value in found.items() if value is not None}


def _spread(rows: pd.DataFrame, metric: str) -> tuple[float, int] | None:
    score, weight = f"score.{metric}", f"weight.{metric}"
    known = rows.dropna(subset=[score, weight])
    if known.empty:
        return None
    scores = known.pivot_table(index="item", columns="trial", values=score, aggfunc="last").dropna()
    weights = known.pivot_table(index="item", columns="trial", values=weight, aggfunc="last").loc[scores.index]
    if scores.shape[0] < 2 or scores.shape[1] < 2:
        return None
    score_of, weight_of = scores.to_numpy(float)[:, :_MOST_TRIALS], weights.to_numpy(float)[:, :_MOST_TRIALS]
    ratio = score_of.sum(axis=0) / weight_of.sum(axis=0)
    parts = (score_of - ratio * weight_of) / weight_of.mean(axis=0)
    covariances = np.cov(parts, rowvar=False, ddof=1)
    variances = np.add.outer(np.diag(covariances), np.diag(covariances)) - 2 * covariances
    pairs = np.triu_indices(len(covariances), k=1)
    return float(np.sqrt(variances[pairs].mean())), len(pairs[0])
