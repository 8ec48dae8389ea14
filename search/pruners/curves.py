"""The curves of a study, as decisions look them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SAME = 1e-9
_FIRST_ROWS = 16

Vector = tuple[float, ...]
"""One number for each objective; scores are signed so that larger is better."""


@dataclass(frozen=True)
class Curve:
    """The reports of one trial's last attempt.

    Attributes:
        number: The trial's number.
        vectors: Signed objectives by step.
        exposures: By step, the share of its planned signal that the trial has had, for each objective's task.

    """

    number: int
    vectors: Mapping[int, Vector]
    exposures: Mapping[int, Vector]


class CurvePool:
    """Holds the finished curves and what every trial reported at each step; it only grows.

    Finished trials ran to the last step. What stands at a step does not depend on what became of the trial, and the
    report of a later attempt takes the place of an earlier one's.
    """

    def __init__(self) -> None:
        self._finished: list[Curve] = []
        self._at_step: dict[int, dict[int, Vector]] = {}
        self._table = np.zeros((2, 0, 0, 0))  # exposures and values, each [objectives, reports, trials]
        self._finals = np.zeros((0, 0))  # [objectives, trials]

    @property
    def finished(self) -> Sequence[Curve]:
        """The curves of the trials that ran to the last step, in the order of finishing."""
        return self._finished

    def report(self, number: int, step: int, vector: Vector) -> None:
        """Take in what a trial reported at a step."""
        self._at_step.setdefault(step, {})[number] = vector

    def at_step(self, step: int) -> Mapping[int, Vector]:
        """Give what the trials reported at a step, by trial."""
        return self._at_step.get(step, {})

    def finish(self, curve: Curve) -> None:
        """Take in the curve of a trial that ran to the last step."""
        steps = sorted(curve.vectors)
        row = len(self._finished)
        self._make_room(len(curve.vectors[steps[-1]]), row + 1, len(steps))
        for place, column in enumerate((curve.exposures, curve.vectors)):
            self._table[place, :, : len(steps), row] = np.array([column[step] for step in steps]).T
        self._finals[:, row] = curve.vectors[steps[-1]]
        self._finished.append(curve)

    def finals(self) -> NDArray[np.float64]:
        """Give the final objectives of the finished trials, of shape ``[n, objectives]``."""
        return self._finals[:, : len(self._finished)].T

    def values_at(self, exposure: Vector) -> NDArray[np.float64]:
        """Give the objectives that the finished trials had at an exposure.

        Between two reports they are interpolated; where several reports have the same exposure, the first counts.

        Args:
            exposure: One for each objective.

        Returns:
            Scores of shape ``[n, objectives]``; NaN where a trial's first report came at a larger exposure.

        """
        objectives, reports, room = self._table.shape[1:]
        exposures, values = self._table.reshape(2, -1)
        count, sought = len(self._finished), np.asarray(exposure)[:, None]
        is_before = self._table[0, :, :, :count] < sought[:, :, None] - _SAME
        after = np.minimum(is_before.sum(axis=1), reports - 1)
        first = reports * room * np.arange(objectives)[:, None] + np.arange(count)
        before, after = first + room * np.maximum(after - 1, 0), first + room * after
        left, right, low, high = exposures[before], exposures[after], values[before], values[after]
        is_between = (right > left) & (sought < right)
        width = np.where(is_between, right - left, 1.0)
        known = np.where(is_between, low + np.maximum(sought - left, 0.0) / width * (high - low), high)
        return np.where(left <= sought + _SAME, known, np.nan).T

    def _make_room(self, objectives: int, rows: int, reports: int) -> None:
        _, *have = self._table.shape
        if have[0] == objectives and have[1] >= reports and have[2] >= rows:
            return
        shape = (objectives, max(have[1], reports), max(have[2], _FIRST_ROWS, 2 * rows if rows > have[2] else 0))
        table, finals = np.stack([np.full(shape, np.inf), np.zeros(shape)]), np.zeros((objectives, shape[2]))
        if have[0]:
            table[:, :, : have[1], : have[2]] = self._table
            finals[:, : have[2]] = self._finals
        self._table, self._finals = table, finals
