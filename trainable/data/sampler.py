"""Which rows a step trains on."""

from __future__ import annotations

import random
from bisect import bisect_left
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
        self._rows = {
            task: sorted((row for row, own in enumerate(tasks) if own == task), key=lambda row: ranks[row] or 0.0)
            for task in _TASKS
        }
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
        allowed = self._allowed(task, progress)
        if not allowed:
            self._pass[task] = list(self._rows[task])
            allowed = self._allowed(task, progress)
        return self._pass[task].pop(self._generator.randrange(allowed))

    def _allowed(self, task: Task, progress: float) -> int:
        """Count the rows left in the pass that may be drawn; the list runs from easy to hard, so they come first."""
        share = self._curriculum.share_at(progress)
        return bisect_left(self._pass[task], share, key=lambda row: self._ranks[row] or 0.0)
