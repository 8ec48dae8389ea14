from __future__ import annotations

import numpy as np
import pytest

from spaces.schedules import Shape, schedule_factor

PROGRESS = np.linspace(0, 1, 2001)


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("octaves", [-3.0, -0.7, 0.0, 1.5, 3.0])
def test_the_mean_factor_over_a_trial_is_one(shape: Shape, octaves: float) -> None:
    # Oracle: numpy's trapezoidal rule.
    values = [schedule_factor(shape, octaves, float(progress)) for progress in PROGRESS]

    assert np.trapezoid(values, PROGRESS) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
@pytest.mark.parametrize("octaves", [-2.0, 0.5, 3.0])
def test_the_end_is_two_octaves_above_the_start_for_each_octave(shape: Shape, octaves: float) -> None:
    start, end = schedule_factor(shape, octaves, 0.0), schedule_factor(shape, octaves, 1.0)

    assert end / start == pytest.approx(4.0**octaves)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_curve_runs_one_way(shape: Shape) -> None:
    values = np.array([schedule_factor(shape, -1.5, float(progress)) for progress in PROGRESS])

    assert (np.diff(values) <= 0).all()
    assert values.min() > 0


def test_cosine_meets_linear_at_the_ends_and_the_middle() -> None:
    for progress in (0.0, 0.5, 1.0):
        assert schedule_factor("cosine", 2.0, progress) == pytest.approx(schedule_factor("linear", 2.0, progress))
