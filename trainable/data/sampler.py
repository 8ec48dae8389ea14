"""Which rows a step trains on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from spaces.curriculum import CurriculumConfig
from trainable.data.records import Task

_TASKS: tuple[Task, ...] = ("grounding", "text")


class RowSampler:
    """Draws rows without replacement, pass after pass, among those that the pacing allows.

    The task of each slot follows the data's share, so that pacing changes which boxes are seen and not how many.

    Args:
        tasks: Task of every row.
        ranks: Difficulty in [0, 1) of every grounding row, ``None`` for text rows.
        curriculum: The pacing.
        generator: Source of every draw.

    """

    def __init__(
        self,
        tasks: Sequence[Task],
        ranks: Sequence[float | None],
        curriculum: CurriculumConfig,
        generator: random.Random,
    ) -> None:
        self._rows = {task: [index for index, own in enumerate(tasks) if own == task] for task in _TASKS}
        self._ranks, self._curriculum, self._generator = ranks, curriculum, generator
        self._pass: dict[Task, list[int]] = {task: [] for task in _TASKS}
        self._share = len(self._rows["grounding"]) / len(tasks)

    def draw(self, count: int, progress: float) -> list[int]:
        """Draw the rows of one batch.

        Args:
            count: Number of rows.
            progress: Of the optimizer step, in 0–1.

        """
        return [self._one(progress) for _ in range(count)]

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to go on drawing."""
        return {
            "generator": self._generator.getstate(),
            "pass": {task: list(left) for task, left in self._pass.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._generator.setstate(state["generator"])
        self._pass = {task: list(state["pass"][task]) for task in _TASKS}

    def _one(self, progress: float) -> int:
        task: Task = "grounding" if self._generator.random() < self._share else "text"
        left = self._pass[task]
        for place in range(len(left) - 1, -1, -1):
            if self._is_allowed(left[place], progress):
                return left.pop(place)
        fresh = list(self._rows[task])
        self._generator.shuffle(fresh)
        self._pass[task] = fresh
        return self._one_of(fresh, progress)

    def _one_of(self, rows: list[int], progress: float) -> int:
        place = next(p for p in range(len(rows) - 1, -1, -1) if self._is_allowed(rows[p], progress))
        return rows.pop(place)

    def _is_allowed(self, row: int, progress: float) -> bool:
        rank = self._ranks[row]
        return rank is None or rank < self._curriculum.share_at(progress)
