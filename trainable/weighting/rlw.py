"""Random weights, as a control."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from spaces.mixture import TermName
from trainable.weighting.base import Weighting
from trainable.weighting.softmax import softmax


class RandomWeighting(Weighting):
    """Draws ``K softmax(N(0, deviation²))`` anew for every step: a weighting that cannot beat it has learnt nothing.

    Args:
        names: The terms.
        deviation: Of the logits; 1 in the paper.
        seed: Of the draws.

    References:
        Lin et al., "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning", TMLR 2022,
        arXiv 2111.10603, algorithm 2.

    """

    def __init__(self, names: Sequence[TermName], *, deviation: float, seed: int) -> None:
        super().__init__(names)
        self._deviation = deviation
        self._generator = random.Random(seed)
        self._draw()

    def _draw(self) -> None:
        self._logits: dict[TermName, float] = {name: self._generator.gauss(0, self._deviation) for name in self._names}

    @override
    def _proportions(self) -> Mapping[TermName, float]:
        return softmax(self._logits)

    @override
    def observe(self, losses: Mapping[TermName, float]) -> None:
        self._draw()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"logits": dict(self._logits), "generator": self._generator.getstate()}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._logits = dict(state["logits"])
        version, numbers, last = state["generator"]
        self._generator.setstate((version, tuple(numbers), last))
