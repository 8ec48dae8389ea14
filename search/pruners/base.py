"""What every pruner decides from: the curves of the running trial and of the finished ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import override

Vector = tuple[float, ...]
"""Objectives of one report, each signed so that larger is better."""


@dataclass(frozen=True)
class Curve:
    """The reports of one trial's last attempt.

    Attributes:
        number: The trial's number.
        vectors: Signed objectives by step.

    """

    number: int
    vectors: Mapping[int, Vector]


class Pruner(ABC):
    """Says whether a running trial should be stopped; never asked at the last step."""

    @abstractmethod
    def reason_to_stop(self, running: Curve, finished: Sequence[Curve]) -> str | None:
        """Judge the running trial at its latest step.

        Args:
            running: With the report just made.
            finished: Trials that ran to the last step.

        Returns:
            Why it is stopped, or ``None`` to go on.

        """


class NoPruner(Pruner):
    """Never stops a trial."""

    @override
    def reason_to_stop(self, running: Curve, finished: Sequence[Curve]) -> str | None:
        return None
