"""Any of Optuna's pruners, on the companion study of one objective."""

from __future__ import annotations

import warnings

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
    WilcoxonPruner,
)
from typing_extensions import override

from search.pruners.base import Pruner
from search.pruners.curves import Curve, CurvePool
from search.spec import PrunerConfig


class StockPruner(Pruner):
    """Asks an unmodified Optuna pruner about the scalarised curve.

    Optuna's pruners refuse studies of several objectives; the hub mirrors the mean of the signed objectives into the
    companion study, where they work as documented.
    """

    def __init__(self, companion: optuna.Study, *, name: str) -> None:
        self._companion = companion
        self._name = name

    @override
    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        trial = companion_trial(self._companion, running.number)
        if not self._companion.pruner.prune(self._companion, trial):
            return None
        return f"stopped by Optuna's {self._name} pruner on the mean of the objectives at step {max(running.vectors)}"


def companion_trial(companion: optuna.Study, number: int) -> optuna.trial.FrozenTrial:
    """Give the companion's latest trial for a trial of the main study.

    Raises:
        KeyError: If there is none.

    """
    for trial in reversed(companion.get_trials(deepcopy=False)):
        if trial.user_attrs.get("trial") == number:
            return trial
    raise KeyError(f"the companion study has no trial for {number}")


def make_stock(config: PrunerConfig, *, first_rung: int, steps: int) -> BasePruner:
    """Make one of Optuna's pruners; resources are optimizer steps."""
    match config.stock:
        case "median":
            return MedianPruner(n_startup_trials=config.warmup_trials)
        case "percentile":
            return PercentilePruner(100 * config.keep_share, n_startup_trials=config.warmup_trials)
        case "successive_halving":
            return SuccessiveHalvingPruner(min_resource=first_rung, reduction_factor=2)
        case "hyperband":
            return HyperbandPruner(min_resource=first_rung, max_resource=steps, reduction_factor=2)
        case "patient_median":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return PatientPruner(MedianPruner(n_startup_trials=config.warmup_trials), patience=config.patience)
        case "wilcoxon":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return WilcoxonPruner(p_threshold=config.p_threshold)
        case "threshold":
            return ThresholdPruner(lower=config.lower)
