"""Pruners by name."""

from collections.abc import Callable, Mapping

import optuna

from search.pruners.base import NoPruner, Pruner
from search.pruners.curves import Curve, CurvePool, Vector
from search.pruners.eod import OptimisticDominancePruner
from search.pruners.median_all import MedianAllPruner
from search.pruners.moasha import MoashaPruner
from search.pruners.optuna_stock import StockPruner, companion_trial, make_stock
from search.spec import PrunerName, SweepSpec

PRUNERS: Mapping[PrunerName, Callable[[SweepSpec, optuna.Study], Pruner]] = {
    "none": lambda spec, companion: NoPruner(),
    "eod": lambda spec, companion: OptimisticDominancePruner(
        warmup_trials=max(spec.search.pruner.warmup_trials, spec.search.concurrency),
        gain_quantile=spec.search.pruner.gain_quantile,
    ),
    "median_all": lambda spec, companion: MedianAllPruner(warmup_trials=spec.search.pruner.warmup_trials),
    "moasha": lambda spec, companion: MoashaPruner(
        steps=spec.trial.report_steps, warmup_trials=spec.search.pruner.warmup_trials
    ),
    "optuna": lambda spec, companion: StockPruner(companion, name=spec.search.pruner.stock),
}


def make_pruner(spec: SweepSpec, companion: optuna.Study) -> Pruner:
    """Make the pruner of a sweep; a stock one is installed in the companion study."""
    config = spec.search.pruner
    if config.name == "optuna":
        steps = spec.trial.report_steps
        companion.pruner = make_stock(config, first_rung=steps[0], steps=steps[-1])
    return PRUNERS[config.name](spec, companion)


__all__ = ["PRUNERS", "Curve", "CurvePool", "Pruner", "Vector", "companion_trial", "make_pruner"]
