import moocore
import numpy as np
import pytest
from made_sweep import MIOU, TEXT, baseline, complete, make_sweep

from results import read_sweep
from results.findings import Evidence
from results.preferences import DROPS, preferences_of
from results.replicates import Replicates
from results.summary import summarise

TRIALS = [
    baseline(0.30, 0.50),
    complete(0.60, 0.44),
    complete(0.50, 0.485),
    complete(0.40, 0.499),
    complete(0.31, 0.60),
]


@pytest.fixture
def summary(tmp_path):
    return summarise(read_sweep(make_sweep(tmp_path, TRIALS)))


def replicates_of(summary, deviations):
    gains = np.array([trial.point for trial in summary.completed])
    numbers = np.array([trial.trial for trial in summary.completed])
    evidence = Evidence(1, 1, len(deviations), tuple(numbers.tolist()), 0, None, 0, ())
    return Replicates(summary.objectives, numbers, gains, np.array(deviations), evidence)


def test_text_may_drop_by_at_most_a_share_of_its_width(summary):
    found = [one for one in preferences_of(summary, None) if one.kind == "epsilon_constraint"]
    assert [(one.drop, one.trial) for one in found] == [
        (pytest.approx(x), t) for x, t in zip(DROPS, (3, 2, 2), strict=True)
    ]
    assert all((one.aim, one.limited, one.share) == (MIOU, TEXT, None) for one in found)
    assert found[1].label == f"{TEXT} may drop by at most 0.02; best {MIOU}"


def test_the_most_hypervolume_by_itself_is_that_of_single_points(summary):
    one = preferences_of(summary, None)[0]
    reference = -np.array(summary.reference)  # moocore minimises
    areas = [moocore.hypervolume(-np.array([trial.point]), ref=reference) for trial in summary.completed]
    assert (one.kind, one.trial) == ("hypervolume", summary.completed[int(np.argmax(areas))].trial)


def test_a_trial_in_the_inner_corner_of_the_front_is_no_compromise(tmp_path):
    trials = [baseline(0.246, 0.486), complete(0.398, 0.762), complete(0.309, 0.764), complete(0.277, 0.794)]
    summary = summarise(read_sweep(make_sweep(tmp_path, trials)))
    assert [trial.trial for trial in summary.front] == [1, 2, 3] and summary.knee is None
    assert preferences_of(summary, None)[0].trial == 1


def test_a_doubled_weight_moves_the_choice_towards_its_objective(summary):
    found = {one.label: one for one in preferences_of(summary, None) if one.kind == "chebyshev"}
    assert found[f"{MIOU} counts double"].weights == pytest.approx((2 / 3, 1 / 3))
    # ideal (.60, .60), width (.29, .16): the slow calculation
    points = np.array([trial.point for trial in summary.completed])
    for one in found.values():
        short = np.array(one.weights) * (np.array([0.60, 0.60]) - points) / np.array([0.29, 0.16])
        slow = short.max(axis=1) + 0.05 * short.sum(axis=1)
        assert one.trial == int(slow.argmin())


def test_shares_count_the_replicates_that_choose_and_that_are_feasible(summary):
    still = np.zeros((4, 5, 2))
    still[1, 2, 1] = -0.2  # trial 2 loses its text in one of four replicates
    still[2, 1, 1] = +0.2  # trial 1 gains text in another
    constraints = [
        one for one in preferences_of(summary, replicates_of(summary, still)) if one.kind == "epsilon_constraint"
    ]
    one = constraints[1]
    assert (one.trial, one.share, one.feasible_share) == (2, 0.5, 0.75)
    assert one.rivals == ((1, 0.25), (3, 0.25))


def test_without_a_baseline_only_distances_choose(tmp_path):
    summary = summarise(read_sweep(make_sweep(tmp_path, [complete(0.3, 0.4), complete(0.5, 0.2)])))
    assert {one.kind for one in preferences_of(summary, None)} == {"chebyshev"}


def test_no_completed_trial_chooses_nothing(tmp_path):
    assert preferences_of(summarise(read_sweep(make_sweep(tmp_path, []))), None) == ()
