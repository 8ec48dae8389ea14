"""Weights from how fast losses fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from typing_extensions import override

from spaces.mixture import TermName
from trainable.weighting.base import SMALLEST_LOSS, Weighting
from trainable.weighting.softmax import softmax


class DynamicWeightAverage(Weighting):
    """Weighs terms more whose mean loss fell less from the last window but one to the last.

    The multipliers are ``K softmax(r / T)`` with ``r`` the ratio of the two means; 1 during the first two windows. A
    window is a number of optimizer steps, since a short trial has no epochs.

    Args:
        names: The terms.
        temperature: ``T``; more is more even.
        window: Optimizer steps of a window.

    References:
        Liu, Johns & Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019, arXiv 1803.10704, equation 7.

    """

    def __init__(self, names: Sequence[TermName], *, temperature: float, window: int) -> None:
        super().__init__(names)
        self._temperature, self._window = temperature, window
        self._steps = 0
        self._seen: dict[TermName, list[float]] = {name: [] for name in self._names}
        self._means: list[dict[TermName, float]] = []

    @override
    def _proportions(self) -> Mapping[TermName, float]:
        if len(self._means) < 2:
            return dict.fromkeys(self._names, 1.0)
        older, newer = self._means
        return softmax({name: self._ratio(newer.get(name), older.get(name)) for name in self._names})

    def _ratio(self, newer: float | None, older: float | None) -> float:
        if newer is None or older is None:  # a term without a position in a whole window
            return 1 / self._temperature
        return newer / max(older, SMALLEST_LOSS) / self._temperature

    @override
    def observe(self, losses: Mapping[TermName, float]) -> None:
        self._steps += 1
        for name, seen in self._seen.items():
            if name in losses:
                seen.append(losses[name])
        if self._steps == self._window:
            self._means = [*self._means, {name: fmean(seen) for name, seen in self._seen.items() if seen}][-2:]
            self._seen = {name: [] for name in self._names}
            self._steps = 0

    @override
    def state_dict(self) -> dict[str, Any]:
        return {
            "steps": self._steps,
            "seen": {name: list(seen) for name, seen in self._seen.items()},
            "means": [dict(means) for means in self._means],
        }

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._steps = state["steps"]
        self._seen = {name: list(state["seen"][name]) for name in self._names}
        self._means = [dict(means) for means in state["means"]]
