"""The rules that ``pruning.py`` compares, and one simulated run of each."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState
from ray_tune import RayAsha, Score, StockTune, make_scheduler, make_searcher

from results.pareto import hypervolume
from search.landscapes import BASE_SCORES, OBJECTIVES, LandscapeName, MadeLandscape, space_of
from search.memory_study import memory_studies
from search.pruners import Curve, CurvePool, Pruner
from search.pruners.moasha import MoashaPruner
from search.simulator import completed, simulate
from search.spec import SweepSpec
from search.study import Studies
from search.vectors import measured_by_step
from spaces import TrialConfig
from trainable.seeding import child_seed

STEPS, RUNGS, STEP_S = 24, (3, 6, 12, 18), 100.0
TRAINING_S = STEPS * STEP_S
WORKERS = 4
DIRECTIONS = ("maximize", "maximize")
REFERENCE = tuple(BASE_SCORES.values())
WITHOUT_AUDIT = {"name": "none", "audit_share": 0.0}
"""Our audit group belongs to our pruners; what others make stops every trial that it wants to."""

ScoreName = Literal["grounding", "mean"]
SCORES: Mapping[ScoreName, Score] = {
    "grounding": lambda scores: scores[OBJECTIVES[0]],
    "mean": lambda scores: fmean(scores[metric] for metric in OBJECTIVES),
}


class RandomStop(Pruner):
    """Stops half of the trials wherever successive halving would."""

    def __init__(self, seed: int, *, steps: Sequence[int] = RUNGS[:3]) -> None:
        self._seed, self._steps = seed, steps

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        """Toss a coin."""
        step = max(running.vectors)
        chance = random.Random(child_seed(self._seed, f"{running.number} {step}")).random()
        return "at random" if step in self._steps and chance < 0.5 else None


class ToldAsFinal(optuna.Study):
    """A study that takes a stopped trial's last scores for final ones."""

    def tell(self, trial: Any, values: Any = None, state: TrialState | None = None, **rest: Any) -> Any:
        """Tell the last vector of a stopped trial."""
        if state == TrialState.PRUNED:
            attrs = self.get_trials(deepcopy=False)[trial].user_attrs
            reports = measured_by_step(attrs, 0)
            values, state = reports[max(reports)].values, TrialState.COMPLETE
        return super().tell(trial, values, state=state, **rest)


@dataclass(frozen=True)
class Rule:
    """A pruner with its sampler.

    Attributes:
        name: In the tables.
        config: Names a pruner of ours.
        sampler: Of ours.
        make: Another pruner, for a seed.
        told_as_final: Whether the last scores of a stopped trial are told as its final ones.
        ray: What Ray Tune's own searcher and scheduler are given as their one score, and the scheduler's
            ``reduction_factor``; they then take the place of sampler and pruner.

    """

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = "tpe"
    make: Callable[[int], Pruner] | None = None
    told_as_final: bool = False
    ray: tuple[ScoreName, int] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run found.

    Attributes:
        finals: True final scores of the trials that ran to the last step within the budget, in order of ending, of
            shape ``[n, 2]``.
        spent_s: What all workers had spent when each of them ended, of shape ``[n]``.
        total_s: What they spent in all.
        asked: Number of trials that began.

    """

    finals: NDArray[np.float64]
    spent_s: NDArray[np.float64]
    total_s: float
    asked: int


def _best_quarter(seed: int) -> Pruner:
    return MoashaPruner(steps=RUNGS[:1], warmup_trials=0, eta=4)


MOASHA = {"name": "moasha", "warmup_trials": 0, "force": True}
DEFAULT = Rule("eod (default)")
NONE = Rule("none", {"name": "none"})
NONE_RANDOM = Rule("none, random sampling", {"name": "none"}, "random")
RAY_RULES = (
    Rule("Ray Tune, grounding, η 4", ray=("grounding", 4)),
    Rule("Ray Tune, mean, η 4", ray=("mean", 4)),
    Rule("Ray Tune, mean, η 2", ray=("mean", 2)),
)
RULES = (
    NONE,
    DEFAULT,
    *RAY_RULES,
    Rule("median_all", {"name": "median_all"}),
    Rule("moasha, told as final", {**MOASHA, "audit_share": 0.0}, told_as_final=True),
    NONE_RANDOM,
    Rule("eod, random sampling", {}, "random"),
    Rule("moasha, random sampling", MOASHA, "random"),
    Rule("stop at random, random sampling", WITHOUT_AUDIT, "random", RandomStop),
    Rule("best quarter after one rung, random sampling", WITHOUT_AUDIT, "random", _best_quarter),
)


def fixed_rules(spec: SweepSpec) -> tuple[Rule, ...]:
    """Give the rules that are offered one set of random settings; of Ray Tune that is its scheduler."""

    def asha(score: ScoreName, eta: int) -> Callable[[int], Pruner]:
        return lambda seed: RayAsha(make_scheduler(spec, eta=eta), OBJECTIVES, score=SCORES[score])

    return (
        NONE,
        DEFAULT,
        Rule("median_all", {"name": "median_all"}),
        Rule("moasha", MOASHA),
        *(Rule(rule.name, WITHOUT_AUDIT, make=asha(*rule.ray)) for rule in RAY_RULES if rule.ray),
        Rule("stop at random", WITHOUT_AUDIT, make=RandomStop),
        Rule("best quarter after one rung", WITHOUT_AUDIT, make=_best_quarter),
    )


def spec_of(landscape: LandscapeName, rule: Rule, *, seed: int, trials: int, sampler: str) -> SweepSpec:
    """Give the sweep that a rule runs."""
    return SweepSpec.model_validate(
        {
            "data": {"sources": [{"source": "shapes"}]},
            "objectives": OBJECTIVES,
            "trial": {"steps": STEPS, "rungs": RUNGS},
            "space": space_of(landscape),
            "search": {
                "trials": trials,
                "concurrency": WORKERS,
                "seed": seed,
                "sampler": sampler,
                "pruner": rule.config,
            },
        }
    )


def run(
    landscape: MadeLandscape,
    rule: Rule,
    *,
    trials: int = 10_000,
    sampler: str | None = None,
    budget: float = float("inf"),
) -> Outcome:
    """Run a rule once.

    Args:
        landscape: Its seed is also that of the search.
        rule: The rule.
        trials: Number of trials, unless the budget ends before.
        sampler: In place of the rule's.
        budget: In full trainings.

    """
    seed, sampler = landscape.seed, sampler or rule.sampler
    spec = spec_of(landscape.name, rule, seed=seed, trials=trials, sampler=sampler)
    if rule.ray:
        score, eta = rule.ray
        searcher, scheduler = make_searcher(spec, seed=seed), make_scheduler(spec, eta=eta)
        tune = StockTune(spec, searcher, scheduler, score=SCORES[score])
        tune.run(landscape.reports, budget_s=budget * TRAINING_S)
        ended = [(each.config, each.spent_s) for each in tune.endings if each.steps == STEPS]
        ended = [each for each in ended if each[1] <= budget * TRAINING_S]
        return _outcome(landscape, ended, total_s=tune.spent_s, asked=tune.asked)
    studies = memory_studies(DIRECTIONS)
    if rule.told_as_final:
        main = ToldAsFinal(studies.main.study_name, studies.main._storage)
        studies = Studies(main, studies.companion)
    record = simulate(
        spec,
        landscape.reports,
        budget_s=budget * TRAINING_S,
        pruner=rule.make(seed) if rule.make else None,
        studies=studies,
    )
    ended = [(each.config, each.spent_s) for each in completed(record) if each.spent_s <= budget * TRAINING_S]
    asked = len({decision.number for decision in record.decisions})
    return _outcome(landscape, ended, total_s=record.spent_s, asked=asked)


def _outcome(
    landscape: MadeLandscape, ended: list[tuple[TrialConfig, float]], *, total_s: float, asked: int
) -> Outcome:
    finals = np.array([landscape.finals(config) for config, _ in ended]).reshape(-1, len(DIRECTIONS))
    return Outcome(finals, np.array([spent for _, spent in ended]), total_s, asked)


def volume(finals: NDArray[np.float64]) -> float:
    """Give the hypervolume of true final scores, measured from the base's."""
    return hypervolume(finals, DIRECTIONS, reference=REFERENCE)
