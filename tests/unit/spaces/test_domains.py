from __future__ import annotations

import pytest
from pydantic import ValidationError

from spaces import Choice, FloatRange, IntRange
from spaces.domains import Domain


@pytest.mark.parametrize("value", [2, 3, 8])
def test_an_int_range_holds_its_ends_and_what_lies_between(value: int) -> None:
    assert IntRange(low=2, high=8).holds(value)


@pytest.mark.parametrize("value", [1, 9, 2.0, True, "2"])
def test_an_int_range_holds_nothing_outside_and_no_other_type(value: bool | int | float | str) -> None:
    assert not IntRange(low=1 + 1, high=8).holds(value)


def test_a_stepped_int_range_holds_only_its_steps() -> None:
    held = [value for value in range(20) if IntRange(low=4, high=16, step=6).holds(value)]

    assert held == [4, 10, 16]


def test_a_stepped_float_range_holds_its_steps_despite_rounding() -> None:
    domain = FloatRange(low=0.1, high=0.7, step=0.1)

    assert domain.holds(0.1 + 2 * 0.1)
    assert not domain.holds(0.25)


def test_a_float_range_holds_whole_numbers_but_no_truth_value() -> None:
    domain = FloatRange(low=0.0, high=2.0)

    assert domain.holds(1)
    assert not domain.holds(True)


def test_a_choice_tells_one_from_true() -> None:
    domain = Choice(values=(True, "a", 2))

    assert domain.holds(True)
    assert not domain.holds(1)


@pytest.mark.parametrize(
    ("domain", "value", "nearest"),
    [
        (FloatRange(low=0.1, high=0.5), 0.3, 0.3),
        (FloatRange(low=0.1, high=0.5), 2.0, 0.5),
        (FloatRange(low=0.0, high=1.0, step=0.25), 0.6, 0.5),
        (IntRange(low=4, high=64), 1, 4),
        (IntRange(low=4, high=64, step=20), 50, 44),
    ],
)
def test_the_nearest_value_of_a_range_can_be_drawn(domain: FloatRange | IntRange, value: float, nearest: float) -> None:
    assert domain.nearest(value) == nearest
    assert domain.holds(nearest)


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        (FloatRange, {"low": 2.0, "high": 1.0}, "low must be below high"),
        (FloatRange, {"low": 1.0, "high": 1.0}, "write one value plainly"),
        (IntRange, {"low": 0, "high": 8, "log": True}, "must be above 0"),
        (FloatRange, {"low": 1.0, "high": 2.0, "log": True, "step": 0.5}, "exclude each other"),
        (IntRange, {"low": 1, "high": 5, "log": True, "step": 2}, "exclude each other"),
        (IntRange, {"low": 4, "high": 64, "step": 8}, "end the range at 60"),
        (FloatRange, {"low": 0.0, "high": 0.5, "step": 0.6}, "lower the step to at most 0.5"),
        (FloatRange, {"low": 0.0, "high": float("inf")}, "finite"),
        (Choice, {"values": ()}, "at least 1 item"),
        (Choice, {"values": ("a", "b", "a")}, "stands twice"),
        (FloatRange, {"low": 0.0, "high": 1.0, "until": 3}, "Extra inputs"),
    ],
)
def test_an_impossible_domain_is_refused(kind: type[Domain], settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        kind.model_validate(settings)


def test_a_condition_holds_when_every_named_key_matches() -> None:
    domain = IntRange(low=1, high=4, when={"a": ("x", "y"), "b": (True,)})

    assert domain.is_active({"a": "y", "b": True})
    assert not domain.is_active({"a": "y", "b": False})
    assert not domain.is_active({"b": True})
