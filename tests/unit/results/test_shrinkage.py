from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_truth import OBJECTIVES, known_sweep

from results import pareto
from results.bootstrap import RowTable
from results.confirmed_runs import ConfirmedSplit, settings_of
from results.shrinkage import shrinkage_of
from results.summary import summarise

TRUTH = np.array([[0.4, 0.4], [0.6, 0.42], [0.42, 0.6], [0.41, 0.41]])
MIOU, F1 = (f"metric.{objective.name}" for objective in OBJECTIVES)


def sweep_of(*, confirmed=None, seed=0, rows=80, **settings):
    confirmed = {1: 3, 2: 3, 3: 3} if confirmed is None else confirmed
    return known_sweep(TRUTH, rows=rows, rng=np.random.default_rng(seed), confirmed=confirmed, **settings)


def shrunk(sweep, tables=None):
    tables = tables or sweep.tables
    return shrinkage_of(summarise(tables), tables, sweep.items, sweep.predictions, rng=np.random.default_rng(1))


def test_a_confirmed_trial_has_its_search_score_and_the_mean_of_its_runs():
    sweep = sweep_of(seed_deviation=0.02)
    found = shrunk(sweep)
    one = next(one for one in found.trials if one.trial == 1)
    runs = sweep.tables.confirmations.loc[sweep.tables.confirmations["trial"] == 1, MIOU]
    assert (one.runs, one.failed) == (3, 0)
    assert one.objectives[0].confirm == pytest.approx(runs.mean())
    assert one.objectives[0].deviation == pytest.approx(runs.std())
    assert one.objectives[0].search == sweep.tables.trials.loc[1, "value.grounding.miou"]
    assert one.objectives[0].shrinkage == pytest.approx(runs.mean() - one.objectives[0].search)
    assert one.objectives[0].confirm_interval.low < runs.mean() < one.objectives[0].confirm_interval.high
    assert one.objectives[0].test is None


def test_the_front_of_the_means_has_probabilities():
    found = shrunk(sweep_of(spread=0.05))
    assert [(one.trial, one.on_confirm_front) for one in found.trials] == [(1, True), (2, True), (3, False)]
    assert [one.probability for one in found.trials] == [pytest.approx(1, abs=0.02)] * 2 + [pytest.approx(0, abs=0.02)]
    assert found.confirm_interval.low <= found.confirm_hypervolume <= found.confirm_interval.high


def test_the_interval_widens_with_seeds_as_much_as_it_should():
    sweep = sweep_of(confirmed=dict.fromkeys(range(4), 5), seed_deviation=0.05, spread=0.0)
    settings = settings_of(sweep.tables.confirmations, OBJECTIVES, split="confirm")
    table = RowTable(sweep.predictions, sweep.items, split="confirm")
    split = ConfirmedSplit(settings, table, OBJECTIVES, rng=np.random.default_rng(2))
    runs = np.concatenate([setting.gains - setting.gains.mean(axis=0) for setting in settings])
    pooled = np.sqrt((runs**2).sum(axis=0) / (len(runs) - len(settings)))
    assert split.deviations.std(axis=0) == pytest.approx(np.tile(pooled / np.sqrt(5), (4, 1)), rel=0.1)


def test_intervals_over_seeds_and_rows_hold_the_truth():
    holds = []
    for seed in range(30):
        sweep = sweep_of(confirmed=dict.fromkeys(range(4), 3), seed=seed, seed_deviation=0.02, rows=60)
        for one in shrunk(sweep).trials:
            for truth, objective in zip(TRUTH[one.trial], one.objectives, strict=True):
                holds.append(objective.confirm_interval.low <= truth <= objective.confirm_interval.high)
    assert np.mean(holds) > 0.88  # 240 intervals of 95 %, those of one sweep share their rows


def test_a_failed_run_is_counted_and_a_run_of_a_trial_that_did_not_complete_is_not():
    sweep = sweep_of()
    runs = sweep.tables.confirmations.copy()
    runs.loc[runs["run"] == 2, ["state", MIOU, F1]] = ["FAIL", np.nan, np.nan]
    trials = sweep.tables.trials.copy()
    trials.loc[3, "state"] = "FAIL"
    found = shrunk(sweep, replace(sweep.tables, confirmations=runs, trials=trials))
    assert {one.trial: (one.runs, one.failed) for one in found.trials} == {1: (2, 1), 2: (3, 0)}


def test_without_the_runs_rows_there_are_scores_and_no_intervals():
    sweep = sweep_of()
    found = shrunk(replace(sweep, predictions=sweep.predictions.loc[sweep.predictions["split"] == "search"]))
    assert found.confirm_interval is None
    assert all(one.probability is None and one.objectives[0].confirm_interval is None for one in found.trials)
    assert any("no predictions by row" in caveat for caveat in found.caveats)


def test_optimistic_and_pessimistic_fronts_are_those_by_test_scores():
    sweep = sweep_of(spread=0.0)
    test_scores = {1: (0.5, 0.5), 2: (0.4, 0.4), 3: (0.9, 0.9)}  # trial 2 has fallen behind; 3 was not on the front
    runs = sweep.tables.confirmations
    test = runs.assign(split="test", **{MIOU: runs["trial"].map(lambda t: test_scores[t][0])})
    test[F1] = test["trial"].map(lambda t: test_scores[t][1])
    found = shrunk(sweep, replace(sweep.tables, confirmations=pd.concat([runs, test], ignore_index=True)))
    assert (found.optimistic, found.pessimistic) == ((1,), (2,))
    assert {one.trial: one.on_test_front for one in found.trials} == {1: False, 2: False, 3: True}
    assert next(one for one in found.trials if one.trial == 2).objectives[0].test == pytest.approx(0.4)


def test_the_hypervolumes_are_of_the_same_trials():
    sweep = sweep_of(seed_deviation=0.02)
    summary = summarise(sweep.tables)
    found = shrunk(sweep)
    points = [trial.point for trial in summary.completed if trial.trial]
    slow = pareto.hypervolume(points, summary.directions, reference=summary.reference)
    assert found.search_hypervolume == pytest.approx(slow)


def test_without_confirmations_there_is_a_reason():
    assert "paretune confirm" in shrunk(sweep_of(confirmed={}))
