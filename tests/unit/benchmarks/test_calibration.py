import numpy as np
import pytest
from calibration import SCENARIOS, Scenario, Tally, measure
from made_truth import known_sweep

from results.bootstrap import RowTable


def test_every_rule_is_counted_on_every_sweep():
    tallies, holds = measure(Scenario(trials=8, rows=200, seed_deviation=0.0), repetitions=3)
    assert set(tallies) == {"rows", "rows, seeds", "ours"}
    assert tallies["rows"].sure >= tallies["ours"].sure > 0
    assert set(holds) == {"percentile", "ours"}


def test_a_tally_counts_the_sure_and_those_that_are_right():
    tally = Tally()
    tally.add(np.array([0.95, 0.9, 0.85, 0.1]), np.array([True, False, True, True]))
    assert (tally.sure, tally.right, tally.near_sure, tally.near_right) == (2, 1, 1, 1)
    assert tally.text(2).strip() == "50.0% of 1.00"


@pytest.mark.parametrize("is_binary", [False, True])
def test_a_made_sweep_scatters_about_its_truth_as_asked(is_binary):
    truth = np.tile([[0.3, 0.7]], (300, 1))
    sweep = known_sweep(truth, rows=100, rng=np.random.default_rng(0), shared=0.0, spread=0.4, is_binary=is_binary)
    ratios = RowTable(sweep.predictions, sweep.items, split="search").sums("text.token_f1").ratios
    assert ratios.mean() == pytest.approx(0.7, abs=0.01)
    if not is_binary:  # two rows to an image, a third of the variance is the image's
        assert ratios.std() == pytest.approx(0.4 * np.sqrt((1 + 1 / 3) / 100), rel=0.15)


def test_the_first_trial_of_a_scenario_is_within_the_field():
    for scenario in SCENARIOS.values():
        truth = scenario.truth(np.random.default_rng(0))
        assert truth.shape == (scenario.trials, 2)
        assert (truth[0] < truth.max(axis=0)).all()
