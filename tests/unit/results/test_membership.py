import numpy as np
import pytest

from results.findings import UNDECIDED_BELOW, Evidence
from results.fronts import fronts_of
from results.membership import calibrated, luck_of, membership_of
from results.replicates import Replicates
from results.schema import Objective

MIOU, F1 = Objective("grounding.miou", "maximize", 0, 1), Objective("text.token_f1", "maximize", 0, 1)
LOSS = Objective("text.perplexity", "minimize", 1, None)


def replicates(gains, deviations, objectives=(MIOU, F1)):
    gains = np.array(gains, float)
    trials = np.arange(len(gains)) + 10
    evidence = Evidence(1, 1, len(deviations), tuple(trials.tolist()), 0, None, 0, ())
    return Replicates(tuple(objectives), trials, gains, deviations, evidence)


def noise(rng, n, sd, *, draws=1000, objectives=2):
    return rng.normal(0, sd, (draws, n, objectives))


def test_members_far_from_each_other_are_certain_and_what_is_far_behind_has_no_chance():
    rng = np.random.default_rng(0)
    found = membership_of(replicates([[0.9, 0.1], [0.1, 0.9], [0.05, 0.05]], noise(rng, 3, 0.001)))
    assert [member.probability for member in found.members] == [pytest.approx(1.0, abs=0.01)] * 2 + [0.0]
    assert [member.on_front for member in found.members] == [True, True, False]
    assert found.undecided == ()
    assert found.expected_front_size == 2.0


def test_twins_share_the_front_and_are_undecided():
    rng = np.random.default_rng(1)
    found = membership_of(replicates([[0.5, 0.5], [0.5001, 0.5001]], noise(rng, 2, 0.05)))
    assert found.undecided == (11,)
    assert found.of(11).probability < UNDECIDED_BELOW
    assert set(found.worth_confirming) == {10, 11}
    assert found.of(3) is None


def test_noise_that_all_trials_share_decides_nothing():
    rng = np.random.default_rng(2)
    shared = np.repeat(noise(rng, 1, 0.2), 3, axis=1)
    found = membership_of(replicates([[0.6, 0.5], [0.5, 0.6], [0.49, 0.49]], shared))
    assert [member.probability for member in found.front] == [pytest.approx(1.0, abs=0.01)] * 2


def test_a_probability_is_never_above_the_share_of_the_replicates():
    rng = np.random.default_rng(3)
    gains, deviations = rng.uniform(size=(12, 2)), noise(rng, 12, 0.05)
    share = fronts_of(gains + deviations).mean(axis=0)
    probability = calibrated(gains, deviations, share=share)
    assert (probability <= share).all()
    assert (np.argsort(probability, kind="stable")[-3:] == np.argsort(share, kind="stable")[-3:]).all()


def test_luck_is_a_members_own_mean_deviation_while_it_is_on_the_front():
    deviations = np.array([[[0.3, 0.1], [0.1, 0.1]], [[-0.2, 0.0], [0.0, 0.0]], [[0.1, 0.3], [0.1, -0.1]]])
    on = np.array([[True, False], [False, True], [True, False]])
    gains = np.array([[0.5, 0.5], [0.4, 0.4]])
    # from the trials' mean, the first deviates by (.1, 0), then (0, .2) where it is on the front
    assert luck_of(gains, deviations, on) == pytest.approx(np.array([[0.05, 0.1], [0.0, 0.0]]))
    assert luck_of(gains, deviations, np.zeros((3, 2), bool)).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_corrected_scores_of_a_crowded_front_are_nearer_to_the_truth():
    recorded, corrected = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth, sd = rng.uniform(0.4, 0.5, (30, 2)), 0.03
        found = membership_of(replicates(truth + rng.normal(0, sd, truth.shape), noise(rng, 30, sd)))
        for member in found.front:
            recorded.append(np.array(member.recorded) - truth[member.trial - 10])
            corrected.append(np.array(member.corrected) - truth[member.trial - 10])
    assert np.mean(recorded) > 0.015
    assert abs(np.mean(corrected)) < 0.5 * np.mean(recorded)


def test_perplexity_is_corrected_in_nats_and_shown_as_perplexity():
    rng = np.random.default_rng(4)
    gains = [[0.9, -np.log(4.0)], [0.1, -np.log(2.0)]]
    found = membership_of(replicates(gains, noise(rng, 2, 0.01), objectives=(MIOU, LOSS)))
    member = found.of(11)
    assert member.recorded == pytest.approx((0.1, 2.0))
    assert member.corrected[1] == pytest.approx(2.0, rel=0.01)
    interval = member.intervals[1]
    assert interval.low < interval.middle < interval.high
    assert np.log(interval.high / interval.low) == pytest.approx(2 * 1.96 * 0.01, rel=0.15)


@pytest.mark.parametrize("objectives", [1, 3])
def test_any_number_of_objectives_has_its_members(objectives):
    rng = np.random.default_rng(5)
    names = [Objective(f"text.{index}", "maximize", 0, 1) for index in range(objectives)]
    gains = rng.uniform(size=(6, objectives))
    found = membership_of(replicates(gains, noise(rng, 6, 0.001, objectives=objectives), objectives=names))
    assert all(member.probability > 0.9 for member in found.front)


def test_a_lone_trial_is_the_front():
    found = membership_of(replicates([[0.5, 0.5]], np.zeros((10, 1, 2))))
    assert found.members[0].probability == 1.0
