"""Weights in proportion to the inverse of the base's losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import override

from spaces.mixture import TermName
from trainable.weighting.base import SMALLEST_LOSS
from trainable.weighting.static import StaticWeighting


class RefNorm(StaticWeighting):
    """Divides each term by its value for the base, once and for all.

    Args:
        names: The terms.
        references: Their values for the base.

    """

    def __init__(self, names: Sequence[TermName], *, references: Mapping[TermName, float]) -> None:
        super().__init__(names)
        self._references: dict[TermName, float] = {name: max(references[name], SMALLEST_LOSS) for name in names}

    @override
    def _proportions(self) -> Mapping[TermName, float]:
        return {name: 1 / self._references[name] for name in self._names}
