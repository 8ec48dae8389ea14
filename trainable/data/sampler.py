"""Which rows a step trains on."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from spaces.curriculum import CurriculumConfig
from trainable.data.records import Record, Task

Stratum = tuple[int, Task]
"""A source and a task: what the mix gives a share to."""


class RowSampler:
    """Draws rows without replacement, pass after pass, among those that the pacing allows.

    The stratum of each slot follows the mix, so that pacing changes which boxes are seen and not how many. A pacing
    opens the same share of every source's rows.

    Args:
        records: Of the training split.
        ranks: Place in [0, 1) of every grounding row, ``None`` for text rows.
        curriculum: Pacing and mix.
        generator: Source of every draw.
        source_shares: What ``mix: data`` gives each source instead of its rows' share, if told.

    """

    def __init__(
        self,
        records: Sequence[Record],
        ranks: Sequence[float | None],
        curriculum: CurriculumConfig,
        generator: random.Random,
        *,
        source_shares: Mapping[int | str, float] | None = None,
    ) -> None:
        self._source_shares = source_shares
        self._curriculum, self._generator = curriculum, generator
        self._ranks = list(ranks)
        self._places = [0.0] * len(records)
        self._rows: dict[Stratum, list[int]] = {}
        for row, record in enumerate(records):
            self._rows.setdefault((record.source, record.task), []).append(row)
        self._counts = {stratum: len(rows) for stratum, rows in self._rows.items()}
        self._sort()
        self._pass: dict[Stratum, list[int]] = {stratum: [] for stratum in self._rows}

    def draw(self, count: int, progress: float) -> list[int]:
        """Draw the rows of one batch.

        Args:
            count: Number of rows.
            progress: Of the optimizer step, in 0–1.

        """
        shares = self._shares(progress)
        strata, limits = list(shares), list(accumulate(shares.values()))
        rows: list[int] = []
        for _ in range(count):  # one by one, so that two batches of half the size are the same rows
            (stratum,) = self._generator.choices(strata, cum_weights=limits)
            rows.append(self._one(stratum, progress))
        return rows

    def task_share(self, task: Task, progress: float) -> float:
        """Give the share of a task's rows among those drawn at a progress in 0–1."""
        return sum(share for (_, own), share in self._shares(progress).items() if own == task)

    def rerank(self, ranks: Sequence[float | None]) -> None:
        """Replace the ranks of all rows, as self-paced learning does."""
        self._ranks = list(ranks)
        self._sort()
        for left in self._pass.values():
            left.sort(key=self._place)

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to go on drawing."""
        return {
            "generator": self._generator.getstate(),
            "pass": [[*stratum, list(left)] for stratum, left in self._pass.items()],
            "ranks": list(self._ranks),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        version, numbers, last = state["generator"]
        self._generator.setstate((version, tuple(numbers), last))
        self._ranks = list(state["ranks"])
        self._sort()
        self._pass = {(source, task): list(left) for source, task, left in state["pass"]}

    def _shares(self, progress: float) -> Mapping[Stratum, float]:
        """Give the share of every stratum, summing to 1."""
        match self._curriculum.mix:
            case "data":
                weights: Mapping[Stratum, float] = self._counts
                if self._source_shares:
                    weights = self._divided(self._source_shares, by=0)
            case "task":
                share = self._curriculum.task_share_at(progress)
                weights = self._divided({"grounding": share, "text": 1 - share}, by=1)
            case "temperature" | "sources":
                sizes = self._sizes(by=0)
                shares = self._curriculum.source_shares_at(progress, list(sizes.values()))
                weights = self._divided(dict(zip(sizes, shares, strict=True)), by=0)
        total = sum(weights.values())
        return {stratum: weight / total for stratum, weight in weights.items()}

    def _divided(self, shares: Mapping[int | str, float], *, by: int) -> Mapping[Stratum, float]:
        """Divide the share of a source or task among its strata, by their rows."""
        sizes = self._sizes(by=by)
        return {stratum: shares[stratum[by]] * count / sizes[stratum[by]] for stratum, count in self._counts.items()}

    def _sizes(self, *, by: int) -> Mapping[int | str, int]:
        """Count the rows of every source (0) or task (1), in order."""
        sizes = Counter[int | str]()
        for stratum, count in sorted(self._counts.items()):
            sizes[stratum[by]] += count
        return sizes

    def _one(self, stratum: Stratum, progress: float) -> int:
        allowed = self._allowed(stratum, progress)
        if not allowed:
            self._pass[stratum] = list(self._rows[stratum])
            allowed = max(self._allowed(stratum, progress), 1)
        return self._pass[stratum].pop(self._generator.randrange(allowed))

    def _allowed(self, stratum: Stratum, progress: float) -> int:
        """Count the rows left in the pass that may be drawn; the list runs from easy to hard, so they come first."""
        return bisect_left(self._pass[stratum], self._curriculum.share_at(progress), key=self._place)

    def _place(self, row: int) -> float:
        return self._places[row]

    def _sort(self) -> None:
        """Sort the rows of each stratum and give each its place there, so that every source opens alike."""
        for rows in self._rows.values():
            rows.sort(key=lambda row: self._ranks[row] or 0.0)
            for place, row in enumerate(rows):
                self._places[row] = 0.0 if self._ranks[row] is None else place / len(rows)
