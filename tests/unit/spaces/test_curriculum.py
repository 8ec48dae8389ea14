from __future__ import annotations

import math

import pytest

from spaces import CurriculumConfig

PROGRESS = [at / 200 for at in range(201)]


@pytest.mark.parametrize("pacing", ["linear", "root"])
@pytest.mark.parametrize("full_at", [0.1, 0.6, 1.0])
def test_the_share_never_falls_and_ends_at_one(pacing: str, full_at: float) -> None:
    config = CurriculumConfig.model_validate({"pacing": pacing, "full_at": full_at, "start_share": 0.2})

    shares = [config.share_at(progress) for progress in PROGRESS]

    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.2)
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
