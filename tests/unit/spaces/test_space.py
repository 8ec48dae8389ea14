from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from spaces import MixtureConfig, Scalar, SearchSpace, leaves, parse_space, settings_of


class Highest:
    """A suggester that takes the last value of everything and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        self.asked.append(name)
        return high

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        self.asked.append(name)
        return high

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        self.asked.append(name)
        return choices[-1]


def space_of(raw: object) -> SearchSpace:
    space, faults = parse_space(raw)
    assert faults == []
    return space


def test_a_point_has_every_key() -> None:
    point = SearchSpace().draw(Highest())

    assert list(point) == list(leaves())


def test_fixed_values_and_defaults_fill_what_is_not_searched() -> None:
    point = space_of({"adapter": {"rank": 8}}).draw(Highest())

    assert point["adapter.rank"] == 8
    assert point["adapter.alpha_ratio"] == 2.0


def test_a_failed_condition_gives_the_home_value_and_asks_for_nothing() -> None:
    space = space_of(
        {
            "mixture": {
                "giou": {
                    "on": {"choice": [True, False]},
                    "weight": {"range": [0.5, 2], "when": {"mixture.giou.on": True}},
                }
            }
        }
    )
    suggester = Highest()

    point = space.draw(suggester)

    assert point["mixture.giou.weight"] == 0.1
    assert suggester.asked == ["mixture.giou.on"]


def test_conditions_are_drawn_before_what_they_rule_whatever_the_order_of_the_file() -> None:
    space = space_of(
        {
            "adapter": {"dropout": {"range": [0, 0.2], "when": {"optimizer.decay": "linear"}}},
            "optimizer": {"decay": {"choice": ["constant", "linear"]}},
        }
    )

    assert space.order() == ("optimizer.decay", "adapter.dropout")
    assert space.draw(Highest())["adapter.dropout"] == 0.2


@pytest.mark.parametrize(
    ("domain", "home"),
    [
        ({"range": [4, 64]}, 16),
        ({"range": [32, 64]}, 32),
        ({"range": [1, 8]}, 8),
        ({"range": [4, 64], "step": 20}, 24),
        ({"choice": [8, 16]}, 16),
        ({"choice": [64, 8]}, 64),
        ({"range": [32, 64], "baseline": 48}, 48),
        ({"range": [32, 64], "when": {"adapter.targets": "all"}}, 16),
    ],
)
def test_the_home_of_a_dimension_is_baseline_else_default_else_nearest(domain: object, home: int) -> None:
    assert space_of({"adapter": {"rank": domain}}).home("adapter.rank") == home


def test_the_baseline_is_plain_cross_entropy_whatever_the_file_fixes() -> None:
    space = space_of(
        {
            "adapter": {"rank": 4},
            "mixture": {"box_ce": {"weight": 3.0}, "giou": {"on": True}},
            "curriculum": {"pacing": "root"},
        }
    )

    settings = settings_of(space.baseline())

    assert settings.mixture == MixtureConfig()
    assert settings.curriculum.pacing == "none"
    assert settings.adapter.rank == 4


def test_the_active_values_of_the_baseline_leave_out_what_the_space_does_not_hold() -> None:
    space = space_of({"adapter": {"rank": {"range": [32, 64], "baseline": 8}, "targets": {"choice": ["all", "mlp"]}}})

    assert space.active(space.baseline()) == {"adapter.targets": "all"}


def test_a_key_without_effect_is_not_drawn_and_plays_no_part() -> None:
    giou = {"on": {"choice": [True, False]}, "shape": {"choice": ["step", "constant"]}, "at": {"range": [0.2, 0.4]}}
    space = space_of({"mixture": {"giou": giou}})
    suggester = Highest()

    point = space.draw(suggester)

    assert suggester.asked == ["mixture.giou.on"]
    assert {key for key, value in space.used(point).items() if value is None and ".giou." in key} == {
        f"mixture.giou.{name}" for name in ("weight", "shape", "octaves", "at", "middle", "log10", "decoding")
    }


def test_dimensions_that_no_trial_can_draw_are_idle() -> None:
    mixture = {
        "scale": "plain",
        "box_ce": {"weight": {"range": [1, 2]}, "log10": {"range": [-1, 1]}},
        "kl": {"on": False, "shape": {"choice": ["linear", "step"]}, "at": {"range": [0.2, 0.4]}},
    }

    assert set(space_of({"mixture": mixture}).idle()) == {
        "mixture.box_ce.log10",
        "mixture.kl.shape",
        "mixture.kl.at",
    }
    assert space_of({"mixture": {"scale": "calibrated", "box_ce": {"weight": 3.0}}}).idle() == (
        "mixture.box_ce.weight",
    )


def test_a_preset_is_the_baseline_with_its_own_terms() -> None:
    space = space_of({"adapter": {"rank": 4}, "mixture": {"scale": "calibrated", "box_ce": {"log10": 0.5}}})

    settings = settings_of(space.preset("dist2"))

    assert settings.mixture.mean_weights() == {"text_ce": 1, "box_ce": 1, "soft_label": 0.1}
    assert settings.adapter.rank == 4
    assert space.preset("plain") == space.baseline()


def test_settings_that_learn_nothing_are_refused() -> None:
    point = {**SearchSpace().baseline(), "mixture.text_ce.on": False, "mixture.box_ce.weight": 0.0}

    with pytest.raises(ValidationError, match="nothing would be learnt"):
        settings_of(point)
