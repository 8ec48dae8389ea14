"""What one searched key may be: a range, a choice, or a fixed value, perhaps under a condition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar = bool | int | float | str
"""What a dimension can be set to."""


class Suggester(Protocol):
    """The part of Optuna's ``Trial`` that drawing a point needs."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Draw a real number in ``[low, high]``."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Draw a whole number in ``[low, high]``."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar | None:
        """Draw one of ``choices``."""
        ...


class _Domain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    when: dict[str, tuple[Scalar, ...]] = Field(
        default_factory=dict,
        description="searched only where each named key has one of the given values; "
        "its baseline or default holds elsewhere",
    )
    baseline: Scalar | None = Field(default=None, description="the value of trial 0, where it is not the key's default")

    def is_active(self, point: Mapping[str, Scalar]) -> bool:
        """Tell whether the condition holds at a partly drawn point."""
        return all(point.get(key) in values for key, values in self.when.items())


class FloatRange(_Domain):
    """Real numbers from ``low`` to ``high``, both included."""

    low: float = Field(description="smallest value, included")
    high: float = Field(description="largest value, included")
    log: bool = Field(default=False, description="draw evenly in the logarithm")
    step: float | None = Field(default=None, gt=0, description="distance between values; not with `log`")

    @model_validator(mode="after")
    def _check(self) -> FloatRange:
        _check_range(self.low, self.high, log=self.log)
        if self.log and self.step is not None:
            raise DomainValueError("step and log exclude each other; leave one out")
        if self.step is not None:
            _check_step(self.low, self.high, self.step)
        return self

    def draw(self, name: str, suggester: Suggester) -> float:
        """Draw a value, recorded under ``name``."""
        return suggester.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def holds(self, value: Scalar) -> bool:
        """Tell whether a value is one that can be drawn."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and _is_near(value, self.nearest(value))

    def nearest(self, value: float) -> float:
        """Give the value of the range that is nearest to any number."""
        value = min(max(value, self.low), self.high)
        if self.step is None:
            return value
        return min(self.low + round((value - self.low) / self.step) * self.step, self.high)

    def edges(self) -> tuple[Scalar, ...]:
        """Give the values that must be valid for the whole domain to be valid."""
        return (self.low, self.high)


class IntRange(_Domain):
    """Whole numbers from ``low`` to ``high``, both included."""

    low: int = Field(description="smallest value, included")
    high: int = Field(description="largest value, included")
    log: bool = Field(default=False, description="draw evenly in the logarithm")
    step: int = Field(default=1, ge=1, description="distance between values; not with `log`")

    @model_validator(mode="after")
    def _check(self) -> IntRange:
        _check_range(self.low, self.high, log=self.log)
        if self.log and self.step != 1:
            raise DomainValueError("step and log exclude each other; leave one out")
        _check_step(self.low, self.high, self.step)
        return self

    def draw(self, name: str, suggester: Suggester) -> int:
        """Draw a value, recorded under ``name``."""
        return suggester.suggest_int(name, self.low, self.high, step=self.step, log=self.log)

    def holds(self, value: Scalar) -> bool:
        """Tell whether a value is one that can be drawn."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def nearest(self, value: float) -> int:
        """Give the value of the range that is nearest to any number."""
        value = min(max(value, self.low), self.high)
        return self.low + round((value - self.low) / self.step) * self.step

    def edges(self) -> tuple[Scalar, ...]:
        """Give the values that must be valid for the whole domain to be valid."""
        return (self.low, self.high)


class Choice(_Domain):
    """One of a list of values."""

    values: tuple[Scalar, ...] = Field(min_length=1, description="the values to choose among")

    @model_validator(mode="after")
    def _check(self) -> Choice:
        if len({(type(value), value) for value in self.values}) < len(self.values):
            raise DomainValueError(f"a value stands twice in {list(self.values)}")
        return self

    def draw(self, name: str, suggester: Suggester) -> Scalar:
        """Draw a value, recorded under ``name``."""
        return cast(Scalar, suggester.suggest_categorical(name, list(self.values)))

    def holds(self, value: Scalar) -> bool:
        """Tell whether a value is among the choices."""
        return any(type(value) is type(own) and value == own for own in self.values)

    def edges(self) -> tuple[Scalar, ...]:
        """Give the values that must be valid for the whole domain to be valid."""
        return self.values


Domain = FloatRange | IntRange | Choice


class DomainValueError(ValueError):
    """Raised inside pydantic's validators, which turn it into one of their errors."""


def _check_range(low: float, high: float, *, log: bool) -> None:
    if low >= high:
        raise DomainValueError(f"low must be below high; got low={low:g}, high={high:g}; write one value plainly")
    if log and low <= 0:
        raise DomainValueError(f"a logarithmic range must be above 0; got low={low:g}")


def _check_step(low: float, high: float, step: float) -> None:
    count = round((high - low) / step)
    if count < 1 or not _is_near(low + count * step, high):
        last = low + int((high - low) / step) * step
        fix = f"lower the step to at most {high - low:g}" if last == low else f"end the range at {last:g}"
        raise DomainValueError(f"{high:g} is no whole number of steps of {step:g} above {low:g}; {fix}")


def _is_near(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)
