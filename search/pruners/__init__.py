"""Pruners by name."""

from collections.abc import Callable, Mapping

import optuna

from search.pruners.base import Curve, NoPruner, Pruner, Vector
from search.pruners.median_all import MedianAllPruner
from search.pruners.optuna_stock import StockPruner, companion_trial, make_stock
from search.spec import PrunerConfig, SweepSpec

PRUNERS: Mapping[str, Callable[[PrunerConfig, optuna.Study], Pruner]] = {
    "none": lambda config, companion: NoPruner(),
    "median_all": lambda config, companion: MedianAllPruner(warmup_trials=config.warmup_trials),
    "optuna": lambda config, companion: StockPruner(companion, name=config.stock),
}


def make_pruner(spec: SweepSpec, companion: optuna.Study) -> Pruner:
    """Make the pruner of a sweep; a stock one is installed in the companion study."""
    config = spec.search.pruner
    if config.name == "optuna":
        steps = spec.trial.report_steps
        companion.pruner = make_stock(config, first_rung=steps[0], steps=steps[-1])
    return PRUNERS[config.name](config, companion)


__all__ = ["PRUNERS", "Curve", "Pruner", "Vector", "companion_trial", "make_pruner"]
