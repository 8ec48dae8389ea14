"""What is said of the front: members, hypervolume, attainment, knee, and what preferences choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from results.findings.interval import Interval

UNDECIDED_BELOW = 0.8
"""A front member with a smaller probability of being non-dominated is marked undecided."""

WORTH_CONFIRMING = 0.2
"""Trials with a larger probability of being non-dominated are worth a confirmation, on the recorded front or not."""


PreferenceKind = Literal["hypervolume", "epsilon_constraint", "chebyshev"]


@dataclass(frozen=True)
class Member:
    """A trial that may be on the noise-free front.

    Attributes:
        trial: Its number.
        on_front: Whether it is on the recorded front.
        probability: P(non-dominated): the share of replicates in which no other contender dominates it.
        recorded: Its recorded objective scores.
        corrected: The recorded scores without the luck that being on the front implies; the recorded ones off it.
        intervals: Interval of each corrected score.

    """

    trial: int
    on_front: bool
    probability: float
    recorded: tuple[float, ...]
    corrected: tuple[float, ...]
    intervals: tuple[Interval, ...]

    @property
    def undecided(self) -> bool:
        """Whether it is on the recorded front without much of a reason to."""
        return self.on_front and self.probability < UNDECIDED_BELOW


@dataclass(frozen=True)
class Membership:
    """P(non-dominated) of the contenders.

    Attributes:
        members: Every contender, the most probable first; equal ones in order of number.
        expected_front_size: Mean number of non-dominated trials in a replicate.

    """

    members: tuple[Member, ...]
    expected_front_size: float

    def of(self, trial: int) -> Member | None:
        """Give one contender, or ``None`` for a trial that is too far from the front to be one."""
        return next((member for member in self.members if member.trial == trial), None)

    @property
    def front(self) -> tuple[Member, ...]:
        """The members of the recorded front, the most probable first."""
        return tuple(member for member in self.members if member.on_front)

    @property
    def undecided(self) -> tuple[int, ...]:
        """Numbers of the recorded front's members that are undecided."""
        return tuple(member.trial for member in self.members if member.undecided)

    @property
    def worth_confirming(self) -> tuple[int, ...]:
        """Numbers of the recorded front's members and of all others with more than a fifth, the most probable first."""
        return tuple(m.trial for m in self.members if m.on_front or m.probability > WORTH_CONFIRMING)


@dataclass(frozen=True)
class HypervolumeBand:
    """The hypervolume after each ended trial, with its interval.

    The recorded history takes every lucky score at face value, so it tends to lie in the upper part of its interval or
    above it.

    Attributes:
        trials: Numbers of the ended trials, in order of ending.
        recorded: Hypervolume of the recorded scores after each, as in ``Summary.hypervolumes``.
        low: 2.5 % quantile after each.
        middle: Median after each.
        high: 97.5 % quantile after each.
        reference: The reference point, fixed by the baseline.

    """

    trials: tuple[int, ...]
    recorded: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    reference: tuple[float, ...]

    @property
    def final(self) -> Interval:
        """Interval after the last trial."""
        return Interval(self.low[-1], self.middle[-1], self.high[-1])


@dataclass(frozen=True)
class AttainmentSurface:
    """What is attained with a probability of at least ``level``.

    Attributes:
        level: .25, .5 or .75.
        points: At most 60 corners of the surface, of shape ``[n][objectives]``, best in the first objective first; a
            point is attained where a corner is at least as good in every objective.

    """

    level: float
    points: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Attainment:
    """The empirical attainment function over the replicates' fronts; two objectives only.

    Attributes:
        surfaces: At the levels .25, .5 and .75.

    """

    surfaces: tuple[AttainmentSurface, ...]


@dataclass(frozen=True)
class KneeFrequency:
    """How often each trial is the knee.

    Attributes:
        trial: The knee of the recorded front, or ``None`` if that has none.
        share: Share of replicates with the same knee; 0 if the recorded front has none.
        shares: Trials with the share of replicates in which they are the knee, the most frequent first, at most ten.
        none: Share of replicates whose front has no knee.

    """

    trial: int | None
    share: float
    shares: tuple[tuple[int, float], ...]
    none: float


@dataclass(frozen=True)
class Preference:
    """The trial that a preference chooses.

    Attributes:
        kind: ``epsilon_constraint``: best in ``aim`` among the trials whose ``limited`` objective is at most ``drop``
            worse than the baseline's. ``chebyshev``: smallest augmented Chebyshev distance to the ideal point.
            ``hypervolume``: dominates the most by itself above the reference point.
        label: The preference in words, as "text.token_f1 may drop by at most 0.02".
        aim: The objective that is maximised (epsilon-constraint); else empty.
        limited: The objective that may drop; else empty.
        drop: By how much, in its own unit; else ``None``.
        weights: Weights of the objectives that sum to one (Chebyshev); else empty.
        trial: The trial chosen by the recorded scores; ``None`` if none meets the constraint.
        share: Share of replicates that choose the same trial; ``None`` without replicates.
        feasible_share: Share of replicates in which that trial meets the constraint; ``None`` for other kinds or
            without replicates.
        rivals: Other trials with the share of replicates that choose them, the most frequent first, at most three.

    """

    kind: PreferenceKind
    label: str
    aim: str
    limited: str
    drop: float | None
    weights: tuple[float, ...]
    trial: int | None
    share: float | None
    feasible_share: float | None
    rivals: tuple[tuple[int, float], ...]
