"""What TPE computes of trials, kept from one ask to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

_NOTHING = np.empty(0)


class Observations:
    """The parameters of trials as numbers, and by how much each violates its constraints.

    All of it follows from the trials, so that a driver that begins without it proposes the same. Of trials that have
    ended it is kept, by their ids; so an object is for one study.
    """

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._rows: dict[int, NDArray[np.float64]] = {}
        self._violations: dict[int, float] = {}

    def violation(self, trial: FrozenTrial) -> float:
        """Give the sum of what a trial that has ended violates its constraints by; 0 is feasible."""
        found = self._violations.get(trial._trial_id)
        if found is None:
            found = self._violations[trial._trial_id] = sum(max(each, 0.0) for each in trial.constraints.values())
        return found

    def matrix(self, trials: Sequence[FrozenTrial]) -> NDArray[np.float64]:
        """Give the parameters of trials in Optuna's internal representation.

        Returns:
            Of shape ``[trials, parameters seen so far]``; NaN where a trial lacks the parameter or has not ended.

        """
        rows = [self._row(trial) if trial.state.is_finished() else _NOTHING for trial in trials]
        matrix = np.full((len(rows), len(self._columns)), np.nan)
        for at, row in enumerate(rows):
            matrix[at, : len(row)] = row
        return matrix

    def given(
        self,
        matrix: NDArray[np.float64],
        space: Mapping[str, BaseDistribution],
        *,
        running: Mapping[int, Mapping[str, Any]],
    ) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Give the parameters of a space, of those trials that have all of them.

        Args:
            matrix: Of all trials, as ``matrix`` gives it.
            space: The distributions of the parameters.
            running: The parameters of trials that have not ended, by their row in the matrix.

        Returns:
            One array for each parameter, integers for a categorical one, as Optuna's sampler makes them.

        """
        part = np.full((len(matrix), len(space)), np.nan)
        for at, (name, distribution) in enumerate(space.items()):
            column = self._columns.get(name, matrix.shape[1])
            if column < matrix.shape[1]:
                part[:, at] = matrix[:, column]
            for row, params in running.items():
                if name in params:
                    part[row, at] = distribution.to_internal_repr(params[name])
        part = part[~np.isnan(part).any(axis=1)]
        return {
            name: part[:, at].astype(np.int64)
            if len(part) and isinstance(distribution, CategoricalDistribution)
            else part[:, at].copy()
            for at, (name, distribution) in enumerate(space.items())
        }

    def groups(self, trials: Sequence[FrozenTrial]) -> list[dict[str, BaseDistribution]]:
        """Divide parameters into groups that occur together in every trial that has ended.

        Optuna divides all groups again for each trial. That comes out as groups of the parameters that the same trials
        have, in the order in which the first trial that only one of two groups has puts that one first.

        Returns:
            Groups of parameters, each with the distribution of the first trial that has it.

        """
        is_absent = np.isnan(self.matrix(trials))
        by_pattern: dict[bytes, dict[str, BaseDistribution]] = {}
        for name, at in self._columns.items():
            if not is_absent[:, at].all():
                first = trials[int(is_absent[:, at].argmin())]
                pattern = np.packbits(is_absent[:, at]).tobytes()
                by_pattern.setdefault(pattern, {})[name] = first.distributions[name]
        return [by_pattern[pattern] for pattern in sorted(by_pattern)]

    def _row(self, trial: FrozenTrial) -> NDArray[np.float64]:
        row = self._rows.get(trial._trial_id)
        if row is None:
            for name in trial.params:
                self._columns.setdefault(name, len(self._columns))
            row = self._rows[trial._trial_id] = np.full(len(self._columns), np.nan)
            for name, value in trial.params.items():
                row[self._columns[name]] = trial.distributions[name].to_internal_repr(value)
        return row
