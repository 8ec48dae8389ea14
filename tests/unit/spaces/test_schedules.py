from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from spaces.schedules import Shape, schedule_factor

PROGRESS = np.linspace(0, 1, 2001)


@pytest.mark.parametrize("shape", get_args(Shape))
@pytest.mark.parametrize("octaves", [-3.0, -0.7, 0.0, 1.5, 3.0])
@pytest.mark.parametrize("at", [0.1, 0.5, 0.8])
def test_the_mean_factor_over_a_trial_is_one(shape: Shape, octaves: float, at: float) -> None:
    # Oracle: numpy's mean over the middles of small steps.
    middles = (np.arange(8000) + 0.5) / 8000
    values = [schedule_factor(shape, octaves, float(progress), at=at, middle=1.2) for progress in middles]

    assert np.mean(values) == pytest.approx(1.0, abs=2e-3 if shape in ("step", "cyclical") else 1e-5)


@pytest.mark.parametrize("shape", ["linear", "cosine", "exponential", "step", "sigmoid", "knots"])
@pytest.mark.parametrize("octaves", [-2.0, 0.5, 3.0])
def test_the_end_is_two_octaves_above_the_start_for_each_octave(shape: Shape, octaves: float) -> None:
    start, end = schedule_factor(shape, octaves, 0.0), schedule_factor(shape, octaves, 1.0)

    assert end / start == pytest.approx(4.0**octaves)


@pytest.mark.parametrize("shape", ["linear", "cosine", "exponential", "step", "sigmoid"])
def test_a_curve_runs_one_way(shape: Shape) -> None:
    values = np.array([schedule_factor(shape, -1.5, float(progress)) for progress in PROGRESS])

    assert (np.diff(values) <= 0).all()
    assert values.min() > 0


def test_cosine_meets_linear_at_the_ends_and_the_middle() -> None:
    for progress in (0.0, 0.5, 1.0):
        assert schedule_factor("cosine", 2.0, progress) == pytest.approx(schedule_factor("linear", 2.0, progress))


def test_a_step_jumps_where_it_is_told_to() -> None:
    before, after = (schedule_factor("step", 1.0, progress, at=0.3) for progress in (0.29, 0.31))

    assert after == pytest.approx(4 * before)


def test_a_sigmoid_is_half_way_where_it_is_told_to() -> None:
    start, middle, end = (schedule_factor("sigmoid", 1.0, progress, at=0.5) for progress in (0.0, 0.5, 1.0))

    assert middle == pytest.approx((start + end) / 2)


def test_exponential_doubles_in_equal_times() -> None:
    values = [schedule_factor("exponential", 1.0, progress) for progress in (0.0, 0.5, 1.0)]

    assert values[1] / values[0] == pytest.approx(2) == pytest.approx(values[2] / values[1])


def test_cyclical_ramps_and_holds_four_times() -> None:
    values = [schedule_factor("cyclical", 1.0, (cycle + phase) / 4) for cycle in range(4) for phase in (0, 0.5, 0.9)]

    assert values == pytest.approx([4 / 13, 16 / 13, 16 / 13] * 4)


@pytest.mark.parametrize("middle", [-2.0, 0.0, 3.0])
@pytest.mark.parametrize("at", [0.05, 0.4, 0.95])
def test_knots_interpolate_the_logarithm(at: float, middle: float) -> None:
    # Oracle: numpy's linear interpolation of the octaves through the three knots.
    octaves = -1.0
    values = [schedule_factor("knots", octaves, float(progress), at=at, middle=middle) for progress in PROGRESS]

    expected = np.interp(PROGRESS, [0, at, 1], [0, middle, octaves])

    assert np.log(values) / np.log(4) - np.log(values[0]) / np.log(4) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", get_args(Shape))
@pytest.mark.parametrize("octaves", [1e-17, -1e-12, 5e-324])
def test_a_hair_of_an_octave_is_nearly_constant(shape: Shape, octaves: float) -> None:
    values = [schedule_factor(shape, octaves, progress, middle=octaves) for progress in (0.0, 0.3, 1.0)]

    assert values == pytest.approx([1, 1, 1])
