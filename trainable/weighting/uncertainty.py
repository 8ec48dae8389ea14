"""Weights from learned uncertainties."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from spaces.mixture import TermName
from trainable.weighting.base import Weighting

_LARGEST = 8.0


class UncertaintyWeighting(Weighting):
    """Learns a log variance ``s`` for each term, which weighs ``exp(-s) / 2``, by gradient descent on it alone.

    With the loss ``Σ L exp(-s) / 2 + s / 2`` the gradient of ``s`` is ``1/2 - L exp(-s) / 2``. The log variances have a
    learning rate of their own: with that of an adapter they would not move in a short trial. They stay within ±8.

    Args:
        names: The terms.
        rate: Learning rate of the log variances.

    References:
        Kendall, Gal & Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
        Semantics", CVPR 2018, arXiv 1705.07115, with one half before the log variance, as published code has it.

    """

    def __init__(self, names: Sequence[TermName], *, rate: float) -> None:
        super().__init__(names)
        self._rate = rate
        self._log_variances: dict[TermName, float] = dict.fromkeys(self._names, 0.0)

    @override
    def _proportions(self) -> Mapping[TermName, float]:
        return {name: math.exp(-value) / 2 for name, value in self._log_variances.items()}

    @override
    def observe(self, losses: Mapping[TermName, float]) -> None:
        for name, value in self._log_variances.items():
            if name in losses:
                moved = value - self._rate * (1 - losses[name] * math.exp(-value)) / 2
                self._log_variances[name] = min(max(moved, -_LARGEST), _LARGEST)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"log_variances": dict(self._log_variances)}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._log_variances = dict(state["log_variances"])
