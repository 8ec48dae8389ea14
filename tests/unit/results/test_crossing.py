from dataclasses import replace

import numpy as np
import pytest
from made_sweep import MIOU, TEXT, baseline, complete, failed, make_sweep, pruned
from scipy.stats import kendalltau

from results import read_sweep
from results.crossing import crossing_of
from results.pruning_savings import gpus_of, pruning_findings, seed_of
from results.summary import summarise


def tables_of(folder, *trials, **settings):
    return read_sweep(make_sweep(folder, trials, **settings))


def test_curves_that_keep_their_order_have_tau_one_and_reversed_ones_minus_one(tmp_path):
    tables = tables_of(tmp_path, *(complete(value, value) for value in (0.1, 0.2, 0.3, 0.4)))
    reports = tables.reports.copy()
    first = reports["step"] == 10
    reports.loc[first, f"metric.{TEXT}"] = -reports.loc[first, f"metric.{TEXT}"]
    found = crossing_of(replace(tables, reports=reports), tables.columns.objectives)
    taus = {(one.step, one.objective): one.tau for one in found}
    assert taus == {(10, MIOU): 1.0, (10, TEXT): -1.0, (20, MIOU): 1.0, (20, TEXT): 1.0}


def test_tau_is_scipys_and_pruned_trials_do_not_count(tmp_path):
    rng = np.random.default_rng(0)
    finals = rng.uniform(size=8)
    tables = tables_of(
        tmp_path, *(complete(value, 0.5) for value in finals), pruned(10, 0.9, 0.9), failed(stopped_at=10)
    )
    early = rng.uniform(size=8)
    reports = tables.reports.copy()
    at = (reports["step"] == 10) & (reports["trial"] < 8)
    reports.loc[at, f"metric.{MIOU}"] = early
    found = crossing_of(replace(tables, reports=reports), tables.columns.objectives)
    one = next(one for one in found if (one.step, one.objective) == (10, MIOU))
    assert one.trials == 8
    assert one.tau == pytest.approx(kendalltau(early, finals).statistic)
    assert next(one for one in found if (one.step, one.objective) == (20, TEXT)).tau is None  # all finals are equal


def test_saved_time_is_the_steps_left_at_the_trials_own_pace(tmp_path):
    spec = '{"trial": {"steps": 40, "pack": 2, "resources": {"gpus": 1.0}}, "search": {"seed": 11}}'
    tables = tables_of(
        tmp_path, baseline(0.2, 0.2), pruned(10, 0.1, 0.1), pruned(20, 0.1, 0.1), metadata={"spec": spec}
    )
    found = pruning_findings(summarise(tables), tables, front_stops=None)
    # six seconds for each step: 30 and 20 steps left
    assert (found.pruned, found.steps_saved) == (2, 50)
    assert found.hours_saved == pytest.approx(6 * 50 / 3600)
    assert found.gpu_hours_saved == pytest.approx(6 * 50 / 3600 / 2)  # two trials share a GPU
    assert seed_of(tables.metadata) == 11


@pytest.mark.parametrize(
    "spec", ["", "[]", "no json", '{"trial": {}}', '{"trial": {"resources": {"gpus": "x"}}}', "null"]
)
def test_a_record_that_does_not_say_has_no_gpus_and_seed_0(spec):
    assert gpus_of({"spec": spec}) is None
    assert gpus_of({}) is None
    assert seed_of({"spec": spec}) == 0
