from typing import get_args

import optuna
import pytest
from made_curves import curve, pool_of
from made_search import made_spec, run_to_end, start_hub

from search.pruners import PRUNERS, make_pruner
from search.pruners.base import NoPruner
from search.pruners.median_all import MedianAllPruner
from search.spec import PrunerName, StockPruner
from search.study import open_studies

POOL = pool_of([curve(number, {2: (number / 10, (10 - number) / 10), 4: (0.5, 0.5)}) for number in range(1, 6)])


def test_every_name_of_the_sweep_file_has_a_pruner():
    assert set(PRUNERS) == set(get_args(PrunerName))


def test_no_pruner_never_stops():
    assert NoPruner().reason_to_stop(curve(9, {2: (0.0, 0.0)}), POOL) is None


@pytest.mark.parametrize(
    ("vector", "is_stopped"),
    [((0.29, 0.69), True), ((0.0, 0.71), False), ((0.31, 0.0), False), ((0.3, 0.0), False), ((0.9, 0.9), False)],
)
def test_only_a_trial_below_both_medians_is_stopped(vector, is_stopped):
    pruner = MedianAllPruner(warmup_trials=5)  # the medians at step 2 are 0.3 and 0.7
    assert (pruner.reason_to_stop(curve(9, {2: vector}), POOL) is not None) == is_stopped


def test_nothing_is_stopped_before_enough_trials_finished():
    assert MedianAllPruner(warmup_trials=6).reason_to_stop(curve(9, {2: (0.0, 0.0)}), POOL) is None


def test_trials_without_the_step_do_not_count_as_peers():
    pruner = MedianAllPruner(warmup_trials=1)
    assert pruner.reason_to_stop(curve(9, {3: (0.0, 0.0)}), POOL) is None


@pytest.mark.parametrize("stock", get_args(StockPruner))
def test_each_stock_pruner_runs_on_the_companion_study(tmp_path, stock):
    spec = made_spec(trials=14, pruner={"name": "optuna", "stock": stock, "warmup_trials": 2, "lower": 0.15})
    hub = start_hub(spec, tmp_path)
    reasons = [run_to_end(hub, hub.ask(), quality=q) for q in (0.9, 0.8, *[0.7 - 0.04 * i for i in range(12)])]
    stopped = [reason for reason in reasons if reason != "final step reached"]
    assert all(f"Optuna's {stock} pruner" in reason for reason in stopped)
    if stock in ("median", "percentile", "successive_halving", "threshold"):
        assert stopped


def test_the_stock_median_pruner_decides_as_in_a_study_of_its_own(tmp_path):
    spec = made_spec(trials=9, pruner={"name": "optuna", "stock": "median", "warmup_trials": 2})
    hub = start_hub(spec, tmp_path)
    qualities = (0.5, 0.6, 0.4, 0.7, 0.55, 0.3, 0.62, 0.2, 0.9)
    ours = [run_to_end(hub, hub.ask(), quality=quality) == "final step reached" for quality in qualities]

    alone = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    theirs = []
    for quality in qualities:
        trial = alone.ask()
        for step in (2, 4, 6):
            trial.report(quality * step / 6, step)
            if step < 6 and trial.should_prune():
                alone.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            alone.tell(trial, quality)
        theirs.append(alone.trials[-1].state == optuna.trial.TrialState.COMPLETE)
    assert ours == theirs
    assert not all(ours)


def test_a_stock_pruner_is_installed_in_the_companion_alone(tmp_path):
    studies = open_studies(tmp_path, storage=None, directions=["maximize", "maximize"])
    make_pruner(made_spec(pruner={"name": "optuna", "stock": "hyperband"}), studies.companion)
    assert isinstance(studies.companion.pruner, optuna.pruners.HyperbandPruner)
    assert not isinstance(studies.main.pruner, optuna.pruners.HyperbandPruner)
