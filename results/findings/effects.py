"""What is said of settings and scores: importance, weightings, slices, box scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from results.findings.interval import Interval


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
