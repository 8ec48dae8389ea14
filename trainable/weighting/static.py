"""Weights that no loss moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from spaces.mixture import TermName
from trainable.weighting.base import Weighting


class StaticWeighting(Weighting):
    """Leaves the searched weights as they are; what every other weighting is to be compared with.

    References:
        Kurin et al., "In Defense of the Unitary Scalarization for Deep Multi-Task Learning", NeurIPS 2022, arXiv
        2201.04122; Xin et al., "Do Current Multi-Task Optimization Methods in Deep Learning Even Help?", NeurIPS 2022,
        arXiv 2209.11379.

    """

    @override
    def _proportions(self) -> Mapping[TermName, float]:
        return dict.fromkeys(self._names, 1.0)

    @override
    def observe(self, losses: Mapping[TermName, float]) -> None:
        pass

    @override
    def state_dict(self) -> dict[str, Any]:
        return {}

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        pass
