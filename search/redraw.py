"""Draws again a trial whose driver died while it drew: what is left comes out as it would have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution


class Redrawing:
    """Gives a trial's stored parameters and draws the others.

    A sampler takes the parameters that it draws one by one from one stream of random numbers; for a stored one the
    number that it took is taken again, so that those after it are the same.

    Args:
        trial: Running in its study, made with the sampler that the first driver asked.

    """

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self._stored: dict[str, BaseDistribution] = dict(trial.distributions)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Give or draw a number."""
        self._take(name)
        return self._trial.suggest_float(name, low, high, step=step, log=log)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Give or draw a whole number."""
        self._take(name)
        return self._trial.suggest_int(name, low, high, step=step, log=log)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Give or draw one of some values."""
        self._take(name)
        return self._trial.suggest_categorical(name, choices)

    def _take(self, name: str) -> None:
        if name not in self._stored or name in self._trial.relative_params:
            return
        study = self._trial.study
        frozen = study._storage.get_trial(self._trial._trial_id)
        study.sampler.sample_independent(study, frozen, name, self._stored[name])
