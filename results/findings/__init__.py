"""What the statistics say about a sweep: frozen values for the report, for exports and for ``paretune confirm``.

``results.find.find`` makes them. Scores are in the objectives' own units, intervals hold 95 % of the replicates, and
shares are of replicates unless a field says otherwise. What the record cannot support is absent, and
``Findings.unknown`` says why; no number is made up. ``docs/statistics.md`` explains each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from results.findings.effects import (
    BoxScores,
    Importance,
    ParameterImportance,
    SliceComparison,
    SliceScore,
    StrategyComparison,
)
from results.findings.front import (
    UNDECIDED_BELOW,
    WORTH_CONFIRMING,
    Attainment,
    AttainmentSurface,
    HypervolumeBand,
    KneeFrequency,
    Member,
    Membership,
    Preference,
    PreferenceKind,
)
from results.findings.interval import Evidence, Interval
from results.findings.pruning import FrontStops, PruningFindings, RungCrossing
from results.findings.shrinkage import Confirmed, ConfirmedTrial, Shrinkage
from results.schema import Objective

__all__ = [
    "UNDECIDED_BELOW",
    "WORTH_CONFIRMING",
    "Attainment",
    "AttainmentSurface",
    "BoxScores",
    "Confirmed",
    "ConfirmedTrial",
    "Evidence",
    "Finding",
    "Findings",
    "FrontStops",
    "HypervolumeBand",
    "Importance",
    "Interval",
    "KneeFrequency",
    "Member",
    "Membership",
    "ParameterImportance",
    "Preference",
    "PreferenceKind",
    "PruningFindings",
    "RungCrossing",
    "Shrinkage",
    "SliceComparison",
    "SliceScore",
    "StrategyComparison",
]

Finding = Literal[
    "membership",
    "hypervolume",
    "attainment",
    "knee",
    "preferences",
    "importance",
    "strategies",
    "slices",
    "box_scores",
    "pruning",
    "crossing",
    "front_stops",
    "shrinkage",
]
"""Fields of ``Findings`` and ``PruningFindings`` that may be absent."""


@dataclass(frozen=True)
class Findings:
    """All statistics of a sweep.

    Attributes:
        objectives: The objectives, in the order of every tuple of scores.
        evidence: What the replicates rest on; ``None`` without replicates.
        membership: P(non-dominated).
        hypervolume: The hypervolume's history with its interval.
        attainment: Empirical attainment surfaces; only for two objectives.
        knee: The knee's frequency; only for two objectives.
        preferences: What each preference chooses; empty if no trial completed.
        importance: Importance of the parameters.
        strategies: Adaptive against static weighting.
        slices: Slices of the baseline and the front.
        box_scores: Box scores with parse failures and duplicates: the front's and the baseline's; empty if there are
            no box scores.
        pruning: What pruning cost and saved.
        shrinkage: From search to confirm.
        unknown: Why a finding is absent, in one sentence each.

    """

    objectives: tuple[Objective, ...]
    evidence: Evidence | None
    membership: Membership | None
    hypervolume: HypervolumeBand | None
    attainment: Attainment | None
    knee: KneeFrequency | None
    preferences: tuple[Preference, ...]
    importance: Importance | None
    strategies: StrategyComparison | None
    slices: SliceComparison | None
    box_scores: tuple[BoxScores, ...]
    pruning: PruningFindings
    shrinkage: Shrinkage | None
    unknown: Mapping[Finding, str]
