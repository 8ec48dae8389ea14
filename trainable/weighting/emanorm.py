"""Weights in proportion to the inverse of running mean losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from spaces.mixture import TermName
from trainable.weighting.base import SMALLEST_LOSS, Weighting


class EmaNorm(Weighting):
    """Divides each term by its exponential moving average, which is the gradient of the sum of log losses.

    Args:
        names: The terms.
        rate: Weight of the newest loss in the average, in (0, 1].

    References:
        The log transformation of Lin et al., "Dual-Balancing for Multi-Task Learning", 2023, arXiv 2308.12029,
        section 3.1, with an average in place of the current loss; the direction is that of the geometric mean,
        Chennupati et al., CVPR workshops 2019, arXiv 1904.08492.

    """

    def __init__(self, names: Sequence[TermName], *, rate: float) -> None:
        super().__init__(names)
        self._rate = rate
        self._means: dict[TermName, float] = {}

    @override
    def _proportions(self) -> Mapping[TermName, float]:
        if len(self._means) < len(self._names):  # a term that was never seen has no scale yet
            return dict.fromkeys(self._names, 1.0)
        return {name: 1 / max(self._means[name], SMALLEST_LOSS) for name in self._names}

    @override
    def observe(self, losses: Mapping[TermName, float]) -> None:
        for name in self._names:
            if name in losses:
                before = self._means.get(name, losses[name])
                self._means[name] = before + self._rate * (losses[name] - before)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"means": dict(self._means)}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._means = dict(state["means"])
