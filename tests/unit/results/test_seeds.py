from dataclasses import replace

import numpy as np
import pytest
from made_truth import OBJECTIVES, known_sweep

from results.bootstrap import RowTable
from results.seeds import seed_noise


def noise_of(sweep, *, with_rows=True):
    predictions = sweep.predictions if with_rows else sweep.predictions.iloc[:0]
    rows = {split: RowTable(predictions, sweep.items, split=split) for split in ("search", "confirm")}
    return seed_noise(sweep.tables.trials, sweep.tables.confirmations, OBJECTIVES, rows=rows)


def sweep_of(seed_deviation, *, confirmed, rows=100, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.3, 0.6, (40, 2))
    return known_sweep(truth, rows=rows, rng=rng, seed_deviation=seed_deviation, confirmed=confirmed)


def test_the_deviation_between_seeds_is_found_without_what_the_rows_add():
    sweep = sweep_of(0.03, confirmed=dict.fromkeys(range(40), 4))
    found = noise_of(sweep)
    assert (found.settings, found.freedom) == (40, 120)
    assert found.deviation == pytest.approx([0.03, 0.03], rel=0.15)
    # a row of a run deviates by .35 * sqrt(.4), a third of it with its image of two rows
    of_rows = 0.35**2 * 0.4 * (1 + 1 / 3) / 100
    assert noise_of(sweep, with_rows=False).deviation == pytest.approx(np.sqrt(0.03**2 + of_rows), rel=0.15)


def test_seeds_without_effect_have_a_deviation_near_zero():
    of_rows = np.sqrt(0.35**2 * 0.4 * (1 + 1 / 3) / 100)
    assert noise_of(sweep_of(0.0, confirmed=dict.fromkeys(range(40), 4))).deviation.max() < 0.7 * of_rows


def test_one_run_of_each_setting_says_nothing_about_seeds():
    assert noise_of(sweep_of(0.03, confirmed={1: 1, 2: 1})) is None
    assert noise_of(sweep_of(0.03, confirmed={})) is None


def test_trials_of_the_search_with_equal_settings_and_other_seeds_count():
    sweep = sweep_of(0.0, confirmed={})
    trials = sweep.tables.trials.copy()
    params = [name for name in trials if name.startswith("param.")]
    trials.loc[5, params] = trials.loc[4, params]
    trials.loc[4, ["value.grounding.miou", "value.text.token_f1"]] = 0.50, 0.40
    trials.loc[5, ["value.grounding.miou", "value.text.token_f1"]] = 0.52, 0.40
    twins = replace(sweep.tables, trials=trials)
    found = noise_of(replace(sweep, tables=twins), with_rows=False)
    assert (found.settings, found.freedom) == (1, 1)
    assert found.deviation == pytest.approx([np.std([0.50, 0.52], ddof=1), 0.0])
    same_seed = trials.assign(seed=trials["seed"].where(trials["trial"] != 5, trials.loc[4, "seed"]))
    assert noise_of(replace(sweep, tables=replace(twins, trials=same_seed)), with_rows=False) is None
