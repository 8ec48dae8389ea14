"""Trials on their way: those that run, and those whose worker or driver is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from results.schema import Role
from search.pruners import Curve, Vector
from spaces import Point, TrialConfig


@dataclass
class Running:
    """A trial that a worker runs.

    Attributes:
        config: What its worker was told.
        point: Its settings.
        role: Why it is run.
        started: When it was asked for, first.
        heard: When its worker was last heard of.
        vectors: By step, what this attempt reported: objectives, larger is better.
        exposures: By step, its exposure for each objective.
        constrained: The constrained scores of its last report.
        seconds: What this attempt took up to its last report.
        seconds_before: What earlier attempts took.

    """

    config: TrialConfig
    point: Point
    role: Role
    started: datetime
    heard: datetime
    vectors: dict[int, Vector] = field(default_factory=dict)
    exposures: dict[int, Vector] = field(default_factory=dict)
    constrained: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_before: float = 0.0

    @property
    def number(self) -> int:
        """Its number."""
        return self.config.number

    @property
    def curve(self) -> Curve:
        """What the pruners see of it."""
        return Curve(self.config.number, self.vectors, self.exposures)

    @property
    def last_step(self) -> int:
        """The step of its last report, or 0."""
        return max(self.vectors, default=0)

    @property
    def all_seconds(self) -> float:
        """What all its attempts took."""
        return self.seconds_before + self.seconds


@dataclass(frozen=True)
class Orphan:
    """A trial whose worker or driver is gone.

    Attributes:
        number: Of the trial.
        attempt: That goes on, or begins if nothing was reported.
        vectors: By step, what this attempt reported.
        exposures: By step, its exposures.
        seconds: What this attempt took up to its last report.
        seconds_before: What earlier attempts took.

    """

    number: int
    attempt: int
    vectors: Mapping[int, Vector] = field(default_factory=dict)
    exposures: Mapping[int, Vector] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_before: float = 0.0

    @property
    def all_seconds(self) -> float:
        """What all its attempts took."""
        return self.seconds_before + self.seconds
