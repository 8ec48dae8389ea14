"""How much the seed alone moves a score, from settings that were trained several times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results.bootstrap import SEARCH, RowTable, Run
from results.confirmed_runs import settings_of
from results.gains import gains_of
from results.schema import Objective


@dataclass(frozen=True)
class SeedNoise:
    """The pooled deviation between runs of one setting, beyond what other rows would change.

    Attributes:
        deviation: Standard deviation of each objective's gain, of shape ``[objectives]``.
        settings: Number of settings with several runs.
        freedom: Degrees of freedom: runs minus settings.

    """

    deviation: NDArray[np.float64]
    settings: int
    freedom: int


def seed_noise(
    trials: pd.DataFrame,
    confirmations: pd.DataFrame,
    objectives: Sequence[Objective],
    *,
    rows: Mapping[str, RowTable],
) -> SeedNoise | None:
    """Pool the variance between runs of one setting, or give ``None`` if no setting ran with several seeds.

    Runs of one setting are the confirmation runs of a trial, and completed trials of the search with equal parameters
    and different seeds, as clones are. Runs of one setting also answer single rows differently, which a bootstrap
    over rows counts; where the rows are recorded, that part is taken off the variance (down to 0), so that it is not
    counted twice.

    Args:
        trials: The record's trials.
        confirmations: The record's confirmation runs; may be empty.
        objectives: The objectives.
        rows: The predicted rows of the splits ``search`` and ``confirm``.

    """
    squares = np.zeros(len(objectives))
    freedom = settings = 0
    for split, runs, gains in (*_confirmed(confirmations, objectives), *_repeated(trials, objectives)):
        squares += ((gains - gains.mean(axis=0)) ** 2).sum(axis=0) - _of_rows(runs, objectives, rows[split])
        freedom += len(runs) - 1
        settings += 1
    return SeedNoise(np.sqrt(np.maximum(squares, 0) / freedom), settings, freedom) if freedom else None


_Repeated = tuple[str, list[Run], NDArray[np.float64]]
"""A split, runs of one setting, and their gains on it, of shape ``[runs, objectives]``."""


def _confirmed(confirmations: pd.DataFrame, objectives: Sequence[Objective]) -> Iterator[_Repeated]:
    for setting in settings_of(confirmations, objectives, split="confirm"):
        if len(setting.runs) > 1:
            yield "confirm", [(setting.trial, run) for run in setting.runs], setting.gains


def _repeated(trials: pd.DataFrame, objectives: Sequence[Objective]) -> Iterator[_Repeated]:
    ended = trials.drop_duplicates("trial", keep="last")
    columns = [f"value.{objective.name}" for objective in objectives]
    values = ended[columns].to_numpy(float)
    rows = ended.loc[(ended["state"] == "COMPLETE").to_numpy(bool) & np.isfinite(values).all(axis=1)]
    params = [str(name) for name in rows.columns if str(name).startswith("param.")]
    rows = rows.drop_duplicates([*params, "seed"])
    again = rows.loc[rows.duplicated(params, keep=False)] if params else rows.iloc[:0]
    for _, group in again.groupby(params, dropna=False):
        gains = gains_of(group[columns].to_numpy(float), objectives)
        yield "search", [(int(trial), SEARCH) for trial in group["trial"]], gains


def _of_rows(runs: list[Run], objectives: Sequence[Objective], table: RowTable) -> NDArray[np.float64]:
    """Give what limited rows add to the sum of squares between runs, of shape ``[objectives]``; 0 where unknown."""
    found = np.zeros(len(objectives))
    places = table.places(runs)
    if (places < 0).any():
        return found
    for index, objective in enumerate(objectives):
        sums = table.sums(objective.name)
        if sums is not None:
            influences = sums.of(places).influences
            squares = ((influences - influences.mean(axis=1, keepdims=True)) ** 2).sum()
            found[index] = squares if np.isfinite(squares) else 0.0
    return found
