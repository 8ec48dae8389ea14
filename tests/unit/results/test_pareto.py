from __future__ import annotations

import numpy as np
import pytest

from results import Objective, ResultsError, pareto

UP = ("maximize", "maximize")


def test_equal_points_are_all_on_the_front():
    assert pareto.nondominated([[0.5, 0.5], [0.5, 0.5], [0.4, 0.5]], UP).tolist() == [True, True, False]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_row_without_a_finite_score_is_never_on_the_front(hole):
    assert pareto.nondominated([[hole, 0.9], [0.1, 0.1]], UP).tolist() == [False, True]
    assert pareto.ranks([[hole, 0.9], [0.1, 0.1]], UP).tolist() == [-1, 0]


def test_directions_may_differ():
    values = [[0.9, 3.0], [0.8, 2.0], [0.7, 2.5]]  # the third is worse than the second in both
    assert pareto.nondominated(values, ("maximize", "minimize")).tolist() == [True, True, False]


def test_nothing_has_an_empty_front_and_no_hypervolume():
    assert pareto.nondominated([], UP).tolist() == []
    assert pareto.hypervolume([], UP, reference=[0, 0]) == 0
    assert pareto.hypervolume_history([], UP, reference=[0, 0]).tolist() == []


def test_hypervolume_of_two_steps_is_the_area_counted_by_hand():
    # 0.2 x 0.6 and, above it, (0.5 - 0.2) x 0.3
    assert pareto.hypervolume([[0.2, 0.6], [0.5, 0.3]], UP, reference=[0, 0]) == pytest.approx(0.12 + 0.09)


def test_a_point_worse_than_the_reference_adds_nothing():
    assert pareto.hypervolume([[0.2, 0.9]], UP, reference=[0.3, 0.3]) == 0


def test_the_history_keeps_its_level_when_a_trial_adds_nothing():
    values = [[0.5, 0.5], [0.4, 0.4], [np.nan, 1.0], [0.5, 1.0]]
    history = pareto.hypervolume_history(values, UP, reference=[0, 0])
    assert history == pytest.approx([0.25, 0.25, 0.25, 0.5])


def test_the_reference_lies_five_points_of_a_share_below_the_baseline():
    objectives = [Objective("grounding.miou", "maximize", 0, 1), Objective("text.nll", "minimize", 0, 10)]
    assert pareto.reference_point([0.42, 2.0], objectives) == pytest.approx([0.37, 2.5])


def test_without_bounds_the_margin_is_five_percent_of_the_baseline():
    objectives = [Objective("a", "maximize"), Objective("b", "minimize", low=0)]
    assert pareto.reference_point([-4.0, 2.0], objectives) == pytest.approx([-4.2, 2.1])


def test_a_baseline_of_zero_without_bounds_still_lies_above_its_reference():
    assert pareto.reference_point([0.0], [Objective("a", "maximize")])[0] < 0


def test_a_baseline_without_a_score_has_no_reference():
    with pytest.raises(ResultsError, match="one finite score per objective"):
        pareto.reference_point([np.nan, 0.5], [Objective("a", "maximize"), Objective("b", "maximize")])


def test_the_knee_is_farthest_from_the_chord():
    values = [[0.0, 1.0], [0.7, 0.8], [0.8, 0.6], [1.0, 0.0], [0.1, 0.1]]  # sums: 1, 1.5, 1.4, 1; the last is dominated
    assert pareto.knee(values, UP) == 1


def test_the_knee_does_not_depend_on_an_objectives_unit():
    values = np.array([[0.0, 1.0], [0.7, 0.8], [0.8, 0.6], [1.0, 0.0]])
    assert pareto.knee(values * [1, 1e6], UP) == 1


def test_the_knee_follows_directions():
    values = [[1.0, 1.0], [0.3, 0.8], [0.0, 0.0]]
    assert pareto.knee(values, ("minimize", "maximize")) == 1


@pytest.mark.parametrize(
    "values",
    [[], [[0.1, 0.2]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], [[0, 1], [0, 1], [1, 0]]],
    ids=["none", "one", "two", "straight", "two and a duplicate"],
)
def test_a_front_without_a_bulge_has_no_knee(values):
    assert pareto.knee(values, UP) is None


def test_scores_of_another_shape_are_an_error():
    with pytest.raises(ResultsError, match=r"shape \[n, 2\]; got \[1, 3\]"):
        pareto.nondominated([[1, 2, 3]], UP)


def test_a_collapsed_row_is_far_worse_than_most_and_the_front_never_is():
    usual = [[0.50 + 0.01 * n, 0.60 - 0.01 * n] for n in range(8)]  # a front; quartiles 0.035 apart in both
    far, near, extreme = [0.02, 0.55], [0.45, 0.50], [0.01, 0.99]
    assert pareto.far_worse([*usual, far, near, extreme], UP).tolist() == [False] * 8 + [True, False, False]


def test_few_rows_have_no_outlier():
    assert not pareto.far_worse([[0.5, 0.5]] * 6 + [[0.0, 0.0]], UP).any()


def test_far_worse_follows_directions_and_skips_what_is_not_finite():
    losses = [[2.0 + 0.1 * n, 1.0] for n in range(8)]
    values = [*losses, [90.0, 0.5], [-90.0, 0.5], [np.nan, 1.0]]
    assert pareto.far_worse(values, ("minimize", "maximize")).tolist() == [False] * 8 + [True, False, False]
