"""What every weighting does, whatever its method."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable

import pytest

from spaces.mixture import TermName
from trainable.weighting import Weighting

NAMES: tuple[TermName, ...] = ("text_ce", "box_ce", "giou")


def made_losses(step: int, *, seed: int = 0) -> dict[TermName, float]:
    """Give falling, noisy losses of different sizes."""
    generator = random.Random(seed * 1000 + step)
    return {
        name: scale * math.exp(-step * rate) * generator.uniform(0.8, 1.2)
        for name, scale, rate in zip(NAMES, (2.0, 0.2, 0.9), (0.02, 0.01, 0.0), strict=True)
    }


def check_weighting(make: Callable[[], Weighting]) -> None:
    """Check multipliers above 0 of mean 1, whatever term is missing, and a state that goes on exactly."""
    weighting, other = make(), make()
    for step in range(60):
        multipliers = weighting.multipliers()
        assert tuple(multipliers) == NAMES
        assert all(0 < value < float("inf") for value in multipliers.values())
        assert sum(multipliers.values()) / len(NAMES) == pytest.approx(1)
        assert weighting.multipliers() == multipliers, "asking changes nothing"
        losses = made_losses(step)
        if step % 7 == 3:
            del losses["box_ce"]
        if step == 30:
            losses["giou"] = 0.0
        weighting.observe({**losses, "kl": 5.0})
        if step == 40:
            other.load_state_dict(json.loads(json.dumps(weighting.state_dict())))
        if step > 40:
            other.observe(losses)
            assert other.multipliers() == pytest.approx(weighting.multipliers(), rel=1e-12)
    assert len(json.dumps(weighting.state_dict())) < 10_000, "a state of a few floats, and a generator's"
