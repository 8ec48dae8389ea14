"""Between which values a trial's scores would lie on other images, from the answers that the record keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from results import SweepTables, read_items, read_predictions
from results.bootstrap import SEARCH, RowTable, cluster_weights, ratio_replicates
from results.gains import is_in_nats

Interval = tuple[float, float]

_APPROXIMATE = frozenset({"text.bleu", "text.chrf"})
"""Scores of the whole corpus, which no sum over rows gives."""

_KEYS = ("trial", "run", "attempt", "step", "split", "item")
_ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Intervals:
    """Percentile intervals of 95 %.

    Attributes:
        own: Of the trial's scores, by name.
        gains: Of the trial's score minus the baseline's on the same images.
        images: Number of images, and of rows without one, that were drawn anew.

    """

    own: Mapping[str, Interval] = field(default_factory=dict)
    gains: Mapping[str, Interval] = field(default_factory=dict)
    images: int = 0


def intervals_of(folder: Path, tables: SweepTables, trial: int, *, baseline: int | None) -> Intervals:
    """Draw the images of the search split anew, a thousand times, the same ones for the trial and the baseline.

    Args:
        folder: Of the sweep.
        tables: Its record.
        trial: Its number.
        baseline: The number of the baseline that completed, if any.

    Returns:
        Nothing for scores that the record does not hold by row.

    Raises:
        ResultsError: If a part of the record is damaged.

    """
    names = [name for name in tables.columns.row_scores if name not in _APPROXIMATE]
    columns = [*_KEYS, *(f"{kind}.{name}" for kind in ("score", "weight") for name in names)]
    wanted = {trial} if baseline is None else {trial, baseline}
    table = RowTable(
        read_predictions(folder, wanted, split="search", columns=columns), read_items(folder), split="search"
    )
    own, base = (
        int(place) for place in table.places([(trial, SEARCH), (-1 if baseline is None else baseline, SEARCH)])
    )
    if own < 0:
        return Intervals()
    weights = cluster_weights(np.random.default_rng(0), table.clusters)
    intervals: dict[str, Interval] = {}
    gains: dict[str, Interval] = {}
    for name in names:
        sums = table.sums(name)
        if sums is None:
            continue
        drawn = ratio_replicates(weights, sums)
        drawn = np.exp(drawn) if is_in_nats(name) else drawn
        if np.isfinite(drawn[:, own]).all():
            intervals[name] = _ends(drawn[:, own])
        if base >= 0 and own != base and np.isfinite(drawn[:, [own, base]]).all():
            gains[name] = _ends(drawn[:, own] - drawn[:, base])
    return Intervals(intervals, gains, table.clusters)


def _ends(drawn: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn, _ENDS)
    return float(low), float(high)
