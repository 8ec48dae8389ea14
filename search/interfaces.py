"""What the hub needs of those around it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from results.schema import Role, Verdict
from search.pruners import Vector
from search.recorder import Ending
from spaces import Scalar, TrialConfig
from trainable.report import TrialReport


class Listener(Protocol):
    """Hears of events, to show them to a person."""

    def started(self, config: TrialConfig) -> None:
        """Hear that a trial was handed out."""
        ...

    def reported(self, config: TrialConfig, report: TrialReport) -> None:
        """Hear a trial's report."""
        ...

    def ended(self, config: TrialConfig, ending: Ending) -> None:
        """Hear how a trial ended."""
        ...


class Record(Protocol):
    """Keeps every event; ``Recorder`` does so in Parquet, durably before it returns."""

    def now(self) -> datetime:
        """Give the time with its zone."""
        ...

    def predictions(self, config: TrialConfig, report: TrialReport) -> None:
        """Record the answers behind the last report of a trial that completes; before the report itself."""
        ...

    def report(self, config: TrialConfig, report: TrialReport) -> None:
        """Record a trial's report."""
        ...

    def decision(self, config: TrialConfig, *, step: int, verdict: Verdict, reason: str) -> None:
        """Record what was decided on a report."""
        ...

    def ending(
        self,
        config: TrialConfig,
        params: Mapping[str, Scalar | None],
        ending: Ending,
        *,
        role: Role,
        steps: int,
        seconds: float,
        started: datetime,
    ) -> None:
        """Record that a trial has ended; a parameter that played no part is ``None``."""
        ...


class Mirror(Protocol):
    """Keeps every curve as one number; ``Companion`` does so in a study of one objective."""

    def go_on(self, config: TrialConfig, vectors: Mapping[int, Vector]) -> None:
        """Open the curve of a trial's attempt, or open it again with all its points."""
        ...

    def report(self, number: int, step: int, vector: Vector) -> None:
        """Add a point to a trial's curve."""
        ...

    def mirror(self, number: int, vectors: Mapping[int, Vector]) -> None:
        """Add the points that a curve lacks because its driver died between two writes."""
        ...

    def end(self, number: int, vector: Vector | None, ending: Ending) -> None:
        """Close a trial's curve in the state of the trial, if it is still open."""
        ...


class Kept(Protocol):
    """Removes checkpoints that nobody needs; ``KeptCheckpoints`` does so in the sweep's folder or a store."""

    def remember(self, number: int, ending: Ending) -> None:
        """Take in a trial that ended before this run."""
        ...

    def ended(self, number: int, ending: Ending, *, pinned: Collection[int]) -> None:
        """Take in a trial that ended now; checkpoints of pinned trials are kept."""
        ...

    def tidy(self, *, running: Collection[int], pinned: Collection[int]) -> None:
        """Remove what an earlier driver left and nobody needs."""
        ...
