from __future__ import annotations

import math
from typing import get_args

import pytest

from spaces import CurriculumConfig
from spaces.curriculum import Pacing

PROGRESS = [at / 200 for at in range(201)]


@pytest.mark.parametrize("pacing", [name for name in get_args(Pacing) if name != "none"])
@pytest.mark.parametrize("full_at", [0.1, 0.6, 1.0])
def test_the_share_never_falls_and_ends_at_one(pacing: str, full_at: float) -> None:
    config = CurriculumConfig.model_validate({"pacing": pacing, "full_at": full_at, "start_share": 0.2})

    shares = [config.share_at(progress) for progress in PROGRESS]

    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.25 if pacing == "baby_steps" else 0.2)
    assert shares[-1] == 1.0


def test_without_pacing_every_row_may_be_drawn_at_once() -> None:
    assert CurriculumConfig(start_share=0.1).share_at(0.0) == 1.0


def test_linear_pacing_is_halfway_at_half_its_time() -> None:
    assert CurriculumConfig(pacing="linear", start_share=0.2, full_at=0.5).share_at(0.25) == pytest.approx(0.6)


def test_root_pacing_is_the_competence_of_platanios_2019() -> None:
    # Equation 7 by hand: sqrt(0.5 * (1 - 0.2²) + 0.2²).
    config = CurriculumConfig(pacing="root", start_share=0.2, full_at=1.0)

    assert config.share_at(0.5) == pytest.approx(math.sqrt(0.52))


def test_root_pacing_is_ahead_of_linear() -> None:
    root = CurriculumConfig(pacing="root", full_at=1.0)
    linear = CurriculumConfig(pacing="linear", full_at=1.0)

    assert all(root.share_at(progress) > linear.share_at(progress) for progress in PROGRESS[1:-1])


@pytest.mark.parametrize("at", PROGRESS)
def test_the_root_of_exponent_one_is_linear(at: float) -> None:
    root = CurriculumConfig(pacing="root", exponent=1.0)

    assert root.share_at(at) == pytest.approx(CurriculumConfig(pacing="linear").share_at(at))


def test_a_higher_root_opens_the_rows_earlier() -> None:
    # Platanios 2019, equation 8, by hand: (0.2³ + (1 - 0.2³) / 2) ** (1/3).
    config = CurriculumConfig(pacing="root", start_share=0.2, full_at=1.0, exponent=3.0)

    assert config.share_at(0.5) == pytest.approx((0.008 + 0.992 / 2) ** (1 / 3))


def test_exponential_pacing_multiplies_the_share_at_every_stage() -> None:
    # By hand: 1/16 grows by a factor of 2 at each of four stages.
    config = CurriculumConfig(pacing="exponential", start_share=1 / 16, full_at=0.8, stages=4)

    shares = [config.share_at(at) for at in (0.0, 0.19, 0.21, 0.41, 0.61, 0.79, 0.8)]

    assert shares == pytest.approx([1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1 / 2, 1])


def test_a_single_step_opens_everything_at_once() -> None:
    config = CurriculumConfig(pacing="single_step", start_share=0.2, full_at=0.5)

    assert [config.share_at(at) for at in (0.0, 0.49, 0.5)] == [0.2, 0.2, 1.0]


def test_baby_steps_add_equal_buckets() -> None:
    config = CurriculumConfig(pacing="baby_steps", full_at=1.0, stages=5)

    assert [config.share_at(at) for at in (0.0, 0.19, 0.21, 0.5, 0.99)] == pytest.approx([0.2, 0.2, 0.4, 0.6, 1.0])


def test_a_temperature_of_one_follows_the_rows_and_a_high_one_evens_them_out() -> None:
    rows = [900, 90, 10]

    shares = [CurriculumConfig(mix="temperature", temperature=at).source_shares_at(0.5, rows) for at in (1.0, 100.0)]

    assert shares[0] == pytest.approx((0.9, 0.09, 0.01))
    assert shares[1] == pytest.approx((1 / 3, 1 / 3, 1 / 3), abs=0.02)


def test_the_share_of_a_task_is_as_told_at_half_the_trial() -> None:
    config = CurriculumConfig(mix="task", grounding_share=0.3, grounding_drift=-3.0)

    assert config.task_share_at(0.5) == pytest.approx(0.3)
    assert config.task_share_at(0.0) > 0.3 > config.task_share_at(1.0)
