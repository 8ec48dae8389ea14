from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError

from spaces import OptimizerConfig

STEPS = 40


def torch_rates(decay: torch.optim.lr_scheduler.LRScheduler, optimizer: torch.optim.Optimizer, n: int) -> list[float]:
    rates = []
    for _ in range(n):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        decay.step()
    return rates


def sgd(rate: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def test_cosine_is_torchs_curve_read_at_the_middle_of_each_step() -> None:
    # Oracle: torch's CosineAnnealingLR over twice as many half steps; ours are the odd ones.
    config = OptimizerConfig(learning_rate=0.3, warmup_share=0.0, decay="cosine")
    optimizer = sgd(0.3)
    halves = torch_rates(torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2 * STEPS), optimizer, 2 * STEPS)

    assert [config.rate_at(step, steps=STEPS) for step in range(STEPS)] == pytest.approx(halves[1::2])


def test_linear_is_torchs_line_read_at_the_middle_of_each_step() -> None:
    config = OptimizerConfig(learning_rate=0.3, warmup_share=0.0, decay="linear")
    optimizer = sgd(0.3)
    line = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=2 * STEPS)
    halves = torch_rates(line, optimizer, 2 * STEPS)

    assert [config.rate_at(step, steps=STEPS) for step in range(STEPS)] == pytest.approx(halves[1::2])


def test_warm_up_rises_evenly_to_the_highest_rate() -> None:
    # By hand: a quarter of 8 steps; the middles of the first two are at 1/16 and 3/16 of the trial.
    config = OptimizerConfig(learning_rate=1.0, warmup_share=0.25, decay="constant")

    assert [config.rate_at(step, steps=8) for step in range(3)] == pytest.approx([0.25, 0.75, 1.0])


@pytest.mark.parametrize("decay", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup_share", [0.0, 0.05, 0.9])
def test_every_rate_is_above_zero_and_none_above_the_highest(decay: str, warmup_share: float) -> None:
    config = OptimizerConfig.model_validate({"learning_rate": 1e-3, "decay": decay, "warmup_share": warmup_share})

    rates = [config.rate_at(step, steps=STEPS) for step in range(STEPS)]

    assert min(rates) > 0
    assert max(rates) <= 1e-3


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValidationError):
        OptimizerConfig(learning_rate=rate)
