"""Points of recorded trials, drawn again from a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from spaces import Point, Scalar, SearchSpace, leaves


class NotDrawnError(Exception):
    """A space can't give a recorded point; the message says which key is why."""


class RecordedPoint:
    """A suggester that gives what a record holds, and notes how it was drawn.

    Args:
        space: That is drawn from.
        values: By key; ``None`` where one played no part.

    """

    def __init__(self, space: SearchSpace, values: Mapping[str, Scalar | None]) -> None:
        self._space, self._values = space, values
        self.drawn: dict[str, tuple[BaseDistribution, Scalar]] = {}

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Give a recorded number."""
        return self._note(name, FloatDistribution(low, high, log=log, step=step), float(self._in_range(name)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Give a recorded whole number."""
        return self._note(name, IntDistribution(low, high, log=log, step=step), int(self._in_range(name)))

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Give the choice that was recorded."""
        found = self._recorded(name)
        for choice in choices:
            if isinstance(choice, bool) == isinstance(found, bool) and choice == found:
                return self._note(name, CategoricalDistribution(list(choices)), choice)
        raise NotDrawnError(f"{name} is outside its range here")

    def _in_range(self, name: str) -> Any:
        found = self._recorded(name)
        if not self._space.dimensions[name].holds(found):
            raise NotDrawnError(f"{name} is outside its range here")
        return found

    def _recorded(self, name: str) -> Scalar:
        found = self._values[name]
        if found is None:
            raise NotDrawnError(f"{name} plays no part there")
        return found

    def _note(self, name: str, distribution: BaseDistribution, value: Any) -> Any:
        self.drawn[name] = (distribution, value)
        return value


def recorded_values(row: Mapping[str, Any]) -> dict[str, Scalar | None]:
    """Give a recorded trial's values, ``None`` where one played no part; a key that is new since has its default."""
    return {key: plain(row.get(f"param.{key}", leaf.default)) for key, leaf in leaves().items()}


def home_point(space: SearchSpace, row: Mapping[str, Any]) -> Point:
    """Give the settings that a recorded trial ran with, whether the space can draw them or not.

    A key that played no part has the value that it has where the space leaves it alone.
    """
    home = {**space.baseline(), **{key: space.home(key) for key in space.dimensions}}
    recorded = recorded_values(row)
    return {key: home[key] if (value := recorded[key]) is None else value for key in home}


def plain(cell: Any) -> Scalar | None:
    """Give a cell without pandas' and numpy's types, which Optuna's storage refuses."""
    if cell is None or pd.isna(cell):
        return None
    return cell.item() if isinstance(cell, np.generic) else cell
