"""The confirmation runs of one split, setting by setting, and what other seeds and rows would have given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results.bootstrap import REPLICATES, ClusterSums, RowTable, deviation_replicates
from results.findings import Interval
from results.gains import gains_of, signs_of, values_of
from results.schema import Objective


@dataclass(frozen=True)
class Setting:
    """The completed runs of one trial on one split.

    Attributes:
        trial: The trial.
        runs: Numbers of the runs.
        gains: Of shape ``[runs, objectives]``.

    """

    trial: int
    runs: tuple[int, ...]
    gains: NDArray[np.float64]


class ConfirmedSplit:
    """Means and replicates of the settings that were scored on one split.

    In a replicate, images get weights, the same for all runs, and to the mean of a setting's runs come as many
    deviations of single runs from their means, drawn from all settings together and enlarged by the root of
    runs / (runs - settings), since a mean takes a part of its runs' spread.

    Args:
        settings: At least one.
        table: The predicted rows of the split.
        objectives: The objectives.
        rng: The generator.

    References:
        A. C. Davison, D. V. Hinkley. Bootstrap Methods and their Application. Cambridge University Press, 1997.
        Section 3.8: hierarchical data.

    """

    def __init__(
        self, settings: Sequence[Setting], table: RowTable, objectives: Sequence[Objective], *, rng: np.random.Generator
    ) -> None:
        self.settings = tuple(settings)
        self._objectives = tuple(objectives)
        self.gains: NDArray[np.float64] = np.array([setting.gains.mean(axis=0) for setting in settings])
        self.deviations = self._deviations(table, rng)

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean score of each setting, of shape ``[settings, objectives]``; for perplexity the mean is that of nats."""
        return values_of(self.gains, self._objectives)

    @property
    def draws(self) -> NDArray[np.float64] | None:
        """Scores of the replicates, of shape ``[replicates, settings, objectives]``."""
        return None if self.deviations is None else values_of(self.gains + self.deviations, self._objectives)

    def interval(self, index: int, objective: int) -> Interval | None:
        """Give the interval of one mean."""
        if self.draws is None:
            return None
        return Interval(*np.quantile(self.draws[:, index, objective], [0.025, 0.5, 0.975]).tolist())

    def _deviations(self, table: RowTable, rng: np.random.Generator) -> NDArray[np.float64] | None:
        runs = [(setting.trial, run) for setting in self.settings for run in setting.runs]
        places = table.places(runs)
        if (places < 0).any():
            return None
        owner = np.repeat(np.arange(len(self.settings)), [len(setting.runs) for setting in self.settings])
        share = (owner == np.arange(len(self.settings))[:, None]) / np.bincount(owner)[:, None]  # [settings, runs]
        sums: list[ClusterSums] = []
        for objective in self._objectives:
            own = table.sums(objective.name)
            if own is None or not np.isfinite(own.ratios[places]).all():
                return None
            sums.append(own.of(places))
        of_runs = signs_of(self._objectives) * deviation_replicates(rng, sums)
        return np.einsum("sr,brk->bsk", share, of_runs) + self._seed_deviations(owner, share, rng)

    def _seed_deviations(
        self, owner: NDArray[np.int64], share: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        gains = np.concatenate([setting.gains for setting in self.settings])
        freedom = len(gains) - len(self.settings)
        if freedom == 0:
            return np.zeros((REPLICATES, len(self.settings), gains.shape[1]))
        repeated = np.bincount(owner)[owner] > 1
        pool = (gains - self.gains[owner])[repeated]
        pool = pool * np.sqrt(len(pool) / freedom)
        drawn = pool[rng.integers(len(pool), size=(REPLICATES, len(gains)))]
        return np.einsum("sr,brk->bsk", share, drawn)


def settings_of(confirmations: pd.DataFrame, objectives: Sequence[Objective], *, split: str) -> tuple[Setting, ...]:
    """Give the settings with a completed run on a split, in order of trial.

    A run without a finite score in every objective does not count.
    """
    columns = [f"metric.{objective.name}" for objective in objectives]
    if not set(columns) <= set(confirmations.columns):
        return ()
    rows = confirmations.loc[(confirmations["split"] == split) & (confirmations["state"] == "COMPLETE")]
    rows = rows.loc[np.isfinite(rows[columns].to_numpy(float)).all(axis=1)]
    rows = rows.drop_duplicates("run", keep="last").sort_values("run")
    return tuple(
        Setting(
            trial=int(str(trial)),
            runs=tuple(int(run) for run in group["run"]),
            gains=gains_of(group[columns].to_numpy(float), objectives),
        )
        for trial, group in rows.groupby("trial")
    )
