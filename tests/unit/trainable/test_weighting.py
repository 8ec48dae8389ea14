from itertools import pairwise
from typing import get_args

import pytest
import torch
from torchjd.scalarization import DWA, FAMO, UW
from weighting_checks import NAMES, check_weighting, made_losses

from spaces.weighting import WeightingConfig, WeightingName
from trainable.weighting import (
    WEIGHTINGS,
    DynamicWeightAverage,
    EmaNorm,
    Famo,
    RandomWeighting,
    RefNorm,
    UncertaintyWeighting,
    make_weighting,
)

REFERENCES = {"text_ce": 2.0, "box_ce": 0.5, "giou": 0.25}


def scaled(weights):
    weights = torch.as_tensor(weights, dtype=torch.float64)
    return pytest.approx((len(weights) * weights / weights.sum()).tolist(), rel=2e-4)


def steps(count):
    return [made_losses(step) for step in range(count)]


def test_weightings_are_registered_under_the_names_of_the_sweep_file():
    assert tuple(WEIGHTINGS) == get_args(WeightingName)


@pytest.mark.parametrize("name", get_args(WeightingName))
def test_every_weighting_keeps_the_common_rules(name):
    config = WeightingConfig(name=name, dwa_window=5)
    check_weighting(lambda: make_weighting(config, NAMES, references=REFERENCES, seed=3))


@pytest.mark.parametrize("name", get_args(WeightingName))
def test_without_a_term_to_move_there_is_nothing_to_say(name):
    weighting = make_weighting(WeightingConfig(name=name), (), references={}, seed=0)
    weighting.observe({"kl": 1.0})
    weighting.observe({"kl": 0.5})
    assert weighting.multipliers() == {}


def test_uncertainty_weighting_takes_the_trajectory_of_torchjd():
    ours = UncertaintyWeighting(NAMES, rate=0.05)
    theirs = UW(len(NAMES))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05)
    for losses in steps(200):
        values = torch.tensor(list(losses.values()), requires_grad=True)
        optimizer.zero_grad()
        theirs(values).backward()
        assert list(ours.multipliers().values()) == scaled(values.grad)
        optimizer.step()
        ours.observe(losses)
    assert list(ours.state_dict()["log_variances"].values()) == pytest.approx(theirs.log_var.tolist(), rel=1e-4)


def test_uncertainty_weighting_stops_at_its_bounds():
    ours = UncertaintyWeighting(NAMES, rate=1.0)
    for _ in range(1000):
        ours.observe({"text_ce": 0.0, "box_ce": 1e9, "giou": 1.0})
    assert ours.state_dict()["log_variances"] == {"text_ce": -8.0, "box_ce": 8.0, "giou": pytest.approx(0)}


@pytest.mark.parametrize("window", [1, 20])
def test_dwa_takes_the_trajectory_of_torchjd(window):
    ours, theirs = DynamicWeightAverage(NAMES, temperature=2.0, window=window), DWA(temperature=2.0)
    for step, losses in enumerate(steps(200), start=1):
        values = torch.tensor(list(losses.values()), dtype=torch.float64, requires_grad=True)
        theirs(values).backward()
        assert list(ours.multipliers().values()) == scaled(values.grad)
        ours.observe(losses)
        if step % window == 0:
            theirs.step()


def test_famo_takes_the_trajectory_of_torchjd_on_the_losses_of_the_next_step():
    ours, theirs = Famo(NAMES, rate=0.025, decay=1e-3), FAMO(len(NAMES), lr=0.025, weight_decay=1e-3)
    observed = steps(60)
    for before, after in pairwise(observed):
        ours.observe(before)
        values = torch.tensor(list(before.values()), requires_grad=True)
        theirs(values).backward()
        assert list(ours.multipliers().values()) == scaled(values.grad)
        theirs.update(torch.tensor(list(after.values())))


def test_emanorm_weighs_by_the_inverse_of_the_running_means():
    ours = EmaNorm(NAMES, rate=0.5)
    ours.observe({"text_ce": 4.0, "box_ce": 1.0, "giou": 2.0})
    ours.observe({"text_ce": 2.0, "box_ce": 1.0})
    assert list(ours.multipliers().values()) == scaled([1 / 3, 1, 1 / 2])


def test_emanorm_has_the_direction_of_the_geometric_mean():
    # Chennupati 2019: the gradient of (Π L)^(1/K) is in proportion to 1 / L.
    losses = torch.tensor([2.0, 0.3, 0.8], requires_grad=True)
    losses.log().mean().exp().backward()
    ours = EmaNorm(NAMES, rate=1.0)
    ours.observe(dict(zip(NAMES, losses.tolist(), strict=True)))
    assert list(ours.multipliers().values()) == scaled(losses.grad)


def test_refnorm_weighs_by_the_inverse_of_the_bases_losses():
    assert list(RefNorm(NAMES, references=REFERENCES).multipliers().values()) == scaled([0.5, 2, 4])


def test_random_weights_change_every_step_and_repeat_with_their_seed():
    first, again, other = (RandomWeighting(NAMES, deviation=1.0, seed=seed) for seed in (1, 1, 2))
    seen = []
    for losses in steps(3000):
        assert first.multipliers() == again.multipliers()
        seen.append(list(first.multipliers().values()))
        for weighting in (first, again, other):
            weighting.observe(losses)
    assert first.multipliers() != other.multipliers()
    # torchjd's Random draws softmax(N(0, 1)) as well; compare the distributions of one weight
    theirs = torch.randn((20_000, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = 3 * theirs.softmax(dim=1)[:, 0]
    ours = torch.tensor(seen, dtype=torch.float64)[:, 0]
    assert ours.mean().item() == pytest.approx(1, abs=0.03)
    assert ours.std().item() == pytest.approx(expected.std().item(), abs=0.03)
    assert RandomWeighting(NAMES, deviation=0.0, seed=1).multipliers() == dict.fromkeys(NAMES, 1.0)
