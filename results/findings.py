"""What the statistics say about a sweep: frozen values for the report, for exports and for ``paretune confirm``.

``results.find.find`` makes them. Scores are in the objectives' own units, intervals hold 95 % of the replicates, and
shares are of replicates unless a field says otherwise. What the record cannot support is absent, and
``Findings.unknown`` says why; no number is made up. ``docs/statistics.md`` explains each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from results.pruning_audit import Audit
from results.schema import Objective

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

UNDECIDED_BELOW = 0.8
"""A front member with a smaller probability of being non-dominated is marked undecided."""

WORTH_CONFIRMING = 0.2
"""Trials with a larger probability of being non-dominated are worth a confirmation, on the recorded front or not."""


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a statistic's replicates.

    Attributes:
        low: The 2.5 % quantile.
        middle: The median.
        high: The 97.5 % quantile.

    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Evidence:
    """What the replicates rest on.

    Attributes:
        rows: Rows of the search split that any objective counts.
        clusters: Images that these rows show, plus rows without an image: what is weighted anew in each replicate.
        replicates: Number of replicates.
        contenders: Trials that are near enough to the front to be on it in some replicate, front members included.
        left_out: Completed trials that were not resampled, because they are farther from the front.
        seed_deviation: Standard deviation between seeds of one setting, per objective, in the objective's unit (in
            nats per token for perplexity); ``None`` where no setting was run with several seeds: then every
            probability and interval is about other rows and not about other seeds.
        seed_settings: Number of settings with several runs that the deviation comes from.
        notes: Caveats to print with every number that rests on the replicates.

    """

    rows: int
    clusters: int
    replicates: int
    contenders: tuple[int, ...]
    left_out: int
    seed_deviation: tuple[float, ...] | None
    seed_settings: int
    notes: tuple[str, ...]


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
        label: The preference in words, as "text.token_f1 may drop by at most 0.02".
        aim: The objective that is maximised (epsilon-constraint); empty for Chebyshev.
        limited: The objective that may drop; empty for Chebyshev.
        drop: By how much, in its own unit; ``None`` for Chebyshev.
        weights: Weights of the objectives that sum to one; empty for the epsilon-constraint.
        trial: The trial chosen by the recorded scores; ``None`` if none meets the constraint.
        share: Share of replicates that choose the same trial; ``None`` without replicates.
        feasible_share: Share of replicates in which that trial meets the constraint; ``None`` for Chebyshev or without
            replicates.
        rivals: Other trials with the share of replicates that choose them, the most frequent first, at most three.

    """

    kind: Literal["epsilon_constraint", "chebyshev"]
    label: str
    aim: str
    limited: str
    drop: float | None
    weights: tuple[float, ...]
    trial: int | None
    share: float | None
    feasible_share: float | None
    rivals: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class ParameterImportance:
    """One parameter's share of what was explained.

    Attributes:
        name: The parameter's key, without ``param.``.
        shares: One number per objective, in order; sums to one over the parameters.
        joint: Its share with regard to the front, all objectives at once.
        by_weight: Its share for each of the trade-off weights; empty if some completed trial did not draw it.

    """

    name: str
    shares: tuple[float, ...]
    joint: float
    by_weight: tuple[float, ...]


@dataclass(frozen=True)
class Importance:
    """Which parameters mattered, over completed trials.

    Attributes:
        objectives: Names of the objectives.
        weights: Grid of w in [0, 1]: the share of the first objective in w * f1 + (1 - w) * f2, both normalised; empty
            unless there are two objectives.
        parameters: The parameters, the most important with regard to the front first.
        trials: Number of completed trials that it was computed from.
        left_out: Number of completed trials beyond the sample.
        is_anecdote: Whether there are too few trials to say anything.
        caveats: To be printed with it.

    """

    objectives: tuple[str, ...]
    weights: tuple[float, ...]
    parameters: tuple[ParameterImportance, ...]
    trials: int
    left_out: int
    is_anecdote: bool
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class StrategyComparison:
    """Adaptive against static weighting at equal numbers of trials.

    Only trials that the sampler drew count: neither baseline nor presets. A trial that was pruned or failed counts as
    a trial that adds nothing.

    Attributes:
        adaptive_trials: Ended trials with a weighting that reacts to the losses.
        static_trials: Ended trials with the weighting ``static``.
        equal_trials: Size of the compared subsets.
        adaptive: Hypervolume of as many adaptive trials.
        static: Hypervolume of as many static trials.
        difference: Adaptive minus static.
        by_name: Number of ended trials of each weighting, by name.
        caveats: To be printed with it.

    """

    adaptive_trials: int
    static_trials: int
    equal_trials: int
    adaptive: Interval
    static: Interval
    difference: Interval
    by_name: Mapping[str, int]
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class SliceScore:
    """One trial's score on one slice, against the baseline on the same rows.

    Attributes:
        trial: The trial.
        slice: The slice's name, as in ``slice.<slice>.<score>``.
        score: The score's name.
        rows: Rows of the slice that the score counts.
        clusters: Images among them.
        value: The trial's score.
        baseline: The baseline's score; ``None`` without a baseline.
        difference: Value minus baseline, paired by image; ``None`` for the baseline itself or without one.
        stands_out: Whether the difference is clear of 0 even if all differences of the comparison are judged at once.

    """

    trial: int
    slice: str
    score: str
    rows: int
    clusters: int
    value: float
    baseline: float | None
    difference: Interval | None
    stands_out: bool


@dataclass(frozen=True)
class SliceComparison:
    """The slices of the baseline and of the front.

    Attributes:
        scores: One for each trial, slice and score, the baseline's first.
        comparisons: Number of differences.
        expected_by_chance: How many of them would have an interval without 0 if nothing differed: a twentieth.
        caveats: To be printed with it.

    """

    scores: tuple[SliceScore, ...]
    comparisons: int
    expected_by_chance: float
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class BoxScores:
    """A completed trial's box scores and what must stand beside them.

    Attributes:
        trial: The trial.
        scores: Its grounding scores by name, controls excluded.
        controls: The constant box's, by the name of the score beside which it stands.
        parse_failure_rate: Share of rows without a possible box; ``None`` if it was not reported.
        duplicate_rate: Share of predicted boxes that repeat another; ``None`` if nothing was predicted.
        warnings: What makes a score of this trial doubtful, in words; empty if nothing does.

    """

    trial: int
    scores: Mapping[str, float]
    controls: Mapping[str, float]
    parse_failure_rate: float | None
    duplicate_rate: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class RungCrossing:
    """How well the order at a rung foretells the final order, for one objective.

    Attributes:
        step: The rung.
        objective: The objective's name.
        tau: Kendall's tau-b between the scores at the rung and the final ones; ``None`` if either is constant.
        trials: Number of completed trials that reported at the rung.

    """

    step: int
    objective: str
    tau: float | None
    trials: int


@dataclass(frozen=True)
class FrontStops:
    """What multi-objective successive halving would have done to the front.

    Attributes:
        front: Number of members of the final front that reported at a rung.
        stopped: Numbers of those it would have stopped.
        replayed: Number of trials whose reports were replayed.
        left_out: Trials beyond the sample.
        rule: The rule in words.

    """

    front: int
    stopped: tuple[int, ...]
    replayed: int
    left_out: int
    rule: str

    @property
    def share(self) -> float | None:
        """Share of the front that it would have stopped, or ``None`` without a front."""
        return len(self.stopped) / self.front if self.front else None


@dataclass(frozen=True)
class PruningFindings:
    """What pruning cost and saved.

    Attributes:
        audit: Trials that the pruner was not let stop; ``rate`` is the false-stop rate, with its Wilson interval.
        pruned: Number of pruned trials.
        steps_saved: Steps that they did not take.
        hours_saved: Hours of a worker that these steps would have taken at each trial's own pace.
        gpu_hours_saved: The same times the GPUs of a trial; ``None`` if the sweep used none or does not say.
        crossing: One for each rung but the last and each objective.
        front_stops: What MO-ASHA would have stopped; ``None`` if it was not replayed.
        caveats: To be printed with it.

    """

    audit: Audit
    pruned: int
    steps_saved: int
    hours_saved: float
    gpu_hours_saved: float | None
    crossing: tuple[RungCrossing, ...]
    front_stops: FrontStops | None
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class Confirmed:
    """One objective of a setting that was trained again.

    Attributes:
        objective: The objective's name.
        search: Its score in the search.
        confirm: Mean over the runs on the confirm split.
        confirm_interval: Over seeds and images; ``None`` if the rows are not recorded.
        test: Mean over the runs on the test split, or ``None``.
        test_interval: Over seeds and images, or ``None``.
        deviation: Standard deviation between the runs on the confirm split; ``None`` with one run.

    """

    objective: str
    search: float
    confirm: float
    confirm_interval: Interval | None
    test: float | None
    test_interval: Interval | None
    deviation: float | None

    @property
    def shrinkage(self) -> float:
        """Confirm minus search, in the objective's unit."""
        return self.confirm - self.search


@dataclass(frozen=True)
class ConfirmedTrial:
    """A searched trial that was trained again with other seeds.

    Attributes:
        trial: Its number.
        role: Its role in the search.
        runs: Completed runs with a score on the confirm split.
        failed: Runs that failed.
        objectives: One for each objective.
        on_search_front: Whether it was on the front of the search.
        on_confirm_front: Whether no confirmed trial has better means on the confirm split.
        probability: P(non-dominated) among the confirmed trials, over seeds and images; ``None`` if the rows are not
            recorded.
        on_test_front: The same with the means on the test split; ``None`` without test scores.

    """

    trial: int
    role: str
    runs: int
    failed: int
    objectives: tuple[Confirmed, ...]
    on_search_front: bool
    on_confirm_front: bool
    probability: float | None
    on_test_front: bool | None


@dataclass(frozen=True)
class Shrinkage:
    """From search to confirm to test.

    Attributes:
        trials: Confirmed trials, the most probable first.
        mean_shrinkage: Mean over the confirmed front members of confirm minus search, per objective, in its unit.
        search_hypervolume: Of the confirmed trials by their search scores; ``None`` without a reference point.
        confirm_hypervolume: Of the same trials by their confirm means.
        confirm_interval: Its interval over seeds and images; ``None`` if the rows are not recorded.
        optimistic: Trials of the confirm front that are non-dominated by their test scores among themselves: the best
            that a choice from the confirm front can turn out to be.
        pessimistic: Trials of the confirm front that dominate none of the others by their test scores: the worst.
        caveats: To be printed with it.

    """

    trials: tuple[ConfirmedTrial, ...]
    mean_shrinkage: tuple[float, ...]
    search_hypervolume: float | None
    confirm_hypervolume: float | None
    confirm_interval: Interval | None
    optimistic: tuple[int, ...]
    pessimistic: tuple[int, ...]
    caveats: tuple[str, ...]


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
