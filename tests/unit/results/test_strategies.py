from dataclasses import replace

import numpy as np
import pytest
from made_truth import known_sweep

from results.strategies import WEIGHTING, compare_strategies
from results.summary import summarise
from spaces import leaves


def sweep_of(truth, weightings, **changes):
    sweep = known_sweep(np.array(truth), rows=2, rng=np.random.default_rng(0), spread=0.0)
    trials = sweep.tables.trials.assign(**{WEIGHTING: weightings}, **changes)
    return replace(sweep.tables, trials=trials)


def compared(tables):
    return compare_strategies(summarise(tables), tables, rng=np.random.default_rng(1))


BASE = [[0.3, 0.3]]


def test_a_kind_that_is_better_everywhere_is_better_at_equal_numbers():
    rng = np.random.default_rng(2)
    good, bad = rng.uniform(0.6, 0.7, (12, 2)), rng.uniform(0.4, 0.5, (40, 2))
    found = compared(sweep_of([*BASE, *good, *bad], ["static", *["famo"] * 6, *["dwa"] * 6, *["static"] * 40]))
    assert (found.adaptive_trials, found.static_trials, found.equal_trials) == (12, 40, 12)
    assert found.difference.low > 0
    assert found.by_name == {"dwa": 6, "famo": 6, "static": 40}


def test_equal_kinds_do_not_differ_though_one_has_many_more_trials():
    rng = np.random.default_rng(3)
    points = rng.uniform(0.4, 0.7, (110, 2))
    found = compared(sweep_of([*BASE, *points], ["static", *["famo"] * 10, *["static"] * 100]))
    assert found.difference.low < 0 < found.difference.high
    assert abs(found.difference.middle) < 0.5 * found.static.middle


def test_trials_that_ended_early_count_as_adding_nothing():
    truth = [*BASE, *[[0.6, 0.6]] * 10]
    names = ["static", *["famo"] * 5, *["static"] * 5]
    states = ["COMPLETE"] * 2 + ["PRUNED"] * 4 + ["COMPLETE"] * 5
    pruned = compared(sweep_of(truth, names, state=states))
    assert (pruned.adaptive_trials, pruned.equal_trials) == (5, 5)
    assert pruned.adaptive.low == 0.0
    assert pruned.static.low > 0.0


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["static"] * 4, "no drawn trial had an adaptive"),
        (["static", "famo", "famo", "famo"], "no drawn trial had the static"),
        ([None] * 4, "no drawn trial had an adaptive"),
    ],
)
def test_a_kind_without_trials_cannot_be_compared(names, words):
    assert words in compared(sweep_of([*BASE, [0.5, 0.5], [0.4, 0.6], [0.6, 0.4]], names))


def test_without_a_baseline_there_is_no_hypervolume():
    tables = sweep_of([*BASE, [0.5, 0.5], [0.6, 0.6]], ["static", "static", "famo"], role="search")
    assert "baseline" in compared(tables)


def test_the_weighting_is_a_key_of_the_space():
    assert WEIGHTING.removeprefix("param.") in leaves()
