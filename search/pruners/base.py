"""What every pruner is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod

from typing_extensions import override

from search.pruners.curves import Curve, CurvePool


class Pruner(ABC):
    """Says whether a running trial should be stopped; never asked at the last step."""

    @abstractmethod
    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        """Judge the running trial at its latest step.

        Args:
            running: With the report just made.
            pool: The curves of the study, the running trial's included.

        Returns:
            Why it is stopped, or ``None`` to go on.

        """


class NoPruner(Pruner):
    """Never stops a trial."""

    @override
    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        return None
