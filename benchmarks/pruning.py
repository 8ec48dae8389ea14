"""What pruners cost and gain on made-up landscapes, against no pruning, on the real hub with simulated workers.

Printed are, for each landscape:

* equal budget: hypervolume of the true final scores of completed trials after a quarter, half and all of a budget of
  full trainings, divided by that of no pruning with the same sampler;
* fixed set: the same settings offered to every rule, with the cost, the hypervolume and the share of the front that
  is lost, against no pruning;

and how fast the simulator and the decisions are.

Baselines: no pruning, stopping at random, asynchronous successive halving on grounding alone with truncated scores
told to the sampler as final ones (what Ray Tune's OptunaSearch does with trials that a scheduler stops), and keeping
the best quarter after the first rung.

Run: ``python benchmarks/pruning.py``
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import optuna
from optuna.trial import TrialState

from results.pareto import hypervolume, nondominated
from search.landscapes import BASE_SCORES, OBJECTIVES, LandscapeName, MadeLandscape, space_of
from search.memory_study import memory_studies
from search.pruners import Curve, CurvePool, Pruner
from search.pruners.moasha import MoashaPruner
from search.simulator import MemoryRecord, completed, simulate
from search.spec import SweepSpec
from search.study import Studies
from search.vectors import vector_key
from spaces import TrialConfig
from trainable.report import TrialReport
from trainable.seeding import child_seed

STEPS, RUNGS, STEP_S = 24, (3, 6, 12, 18), 100.0
TRAINING_S = STEPS * STEP_S
BUDGET, FIXED, WORKERS = 30, 60, 4
DIRECTIONS = ("maximize", "maximize")
REFERENCE = tuple(BASE_SCORES.values())
MARKS = (0.25, 0.5, 1.0)


class RandomStop(Pruner):
    """Stops half of the trials wherever successive halving would."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        step = max(running.vectors)
        chance = random.Random(child_seed(self._seed, f"{running.number} {step}")).random()
        return "at random" if step in (3, 6, 12) and chance < 0.5 else None


class AshaOnGrounding(Pruner):
    """Asynchronous successive halving on the first objective alone."""

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        step = max(running.vectors)
        entries = sorted((vector[0] for vector in pool.at_step(step).values()), reverse=True)
        keep = len(entries) // 2
        if step not in (3, 6, 12) or keep == 0 or running.vectors[step][0] >= entries[keep - 1]:
            return None
        return "not in the better half"


class ToldAsFinal(optuna.Study):
    """A study that takes a stopped trial's last scores for final ones."""

    def tell(self, trial: Any, values: Any = None, state: TrialState | None = None, **rest: Any) -> Any:
        if state == TrialState.PRUNED:
            attrs = self.get_trials(deepcopy=False)[trial].user_attrs
            last = max(step for step in (*RUNGS, STEPS) if vector_key(0, step) in attrs)
            values, state = attrs[vector_key(0, last)], TrialState.COMPLETE
        return super().tell(trial, values, state=state, **rest)


@dataclass(frozen=True)
class Rule:
    """A pruner with its sampler."""

    name: str
    config: Mapping[str, Any]
    sampler: str
    make: Callable[[int], Pruner] | None = None
    told_as_final: bool = False


RULES = (
    Rule("none", {"name": "none"}, "tpe"),
    Rule("eod (default)", {}, "tpe"),
    Rule("median_all", {"name": "median_all"}, "tpe"),
    Rule("ASHA, one objective, told as final", {"name": "none"}, "tpe", lambda seed: AshaOnGrounding(), True),
    Rule("none, random sampling", {"name": "none"}, "random"),
    Rule("eod, random sampling", {}, "random"),
    Rule("moasha, random sampling", {"name": "moasha", "warmup_trials": 0, "force": True}, "random"),
    Rule("stop at random, random sampling", {"name": "none"}, "random", RandomStop),
    Rule(
        "best quarter after one rung, random sampling",
        {"name": "none"},
        "random",
        lambda seed: MoashaPruner(steps=RUNGS[:1], warmup_trials=0, eta=4),
    ),
)


def spec_of(landscape: LandscapeName, rule: Rule, *, seed: int, trials: int, sampler: str) -> SweepSpec:
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
    landscape: LandscapeName, rule: Rule, *, seed: int, trials: int, sampler: str, budget: float = float("inf")
) -> MemoryRecord:
    studies = memory_studies(DIRECTIONS)
    if rule.told_as_final:
        main = ToldAsFinal(studies.main.study_name, studies.main._storage)
        studies = Studies(main, studies.companion)
    return simulate(
        spec_of(landscape, rule, seed=seed, trials=trials, sampler=sampler),
        MadeLandscape(landscape, seed).reports,
        budget_s=budget * TRAINING_S,
        pruner=rule.make(seed) if rule.make else None,
        studies=studies,
    )


def true_finals(record: MemoryRecord, landscape: MadeLandscape, *, until_s: float = float("inf")) -> np.ndarray:
    found = [landscape.finals(each.config) for each in completed(record) if each.spent_s <= until_s]
    return np.array(found).reshape(-1, len(DIRECTIONS))


def volume(finals: np.ndarray) -> float:
    return hypervolume(finals, DIRECTIONS, reference=REFERENCE)


def equal_budget(names: Sequence[LandscapeName], seeds: range) -> None:
    print(f"\n## Equal budget: {BUDGET} full trainings on {WORKERS} workers, {len(seeds)} seeds\n")
    print(
        "Hypervolume after 1/4, 1/2 and all of the budget, divided by `none` with the same sampler (± standard error)."
    )
    for name in names:
        print(f"\n### {name}\n\n| rule | 1/4 | 1/2 | all | hypervolume | trials asked |\n|{' --- |' * 6}")
        volumes, asked = {}, {}
        for rule in RULES:
            rows, counts = [], []
            for seed in seeds:
                record = run(name, rule, seed=seed, trials=10_000, sampler=rule.sampler, budget=BUDGET)
                landscape = MadeLandscape(name, seed)
                rows.append(
                    [volume(true_finals(record, landscape, until_s=mark * BUDGET * TRAINING_S)) for mark in MARKS]
                )
                counts.append(len({decision.number for decision in record.decisions}))
            volumes[rule.name], asked[rule.name] = np.array(rows), float(np.mean(counts))
        for rule in RULES:
            plain = volumes["none" if rule.sampler == "tpe" else "none, random sampling"]
            cells = [ratio_text(volumes[rule.name][:, place], plain[:, place]) for place in range(len(MARKS))]
            final = volumes[rule.name][:, -1].mean()
            print(f"| {rule.name} | {' | '.join(cells)} | {final:.4f} | {asked[rule.name]:.0f} |")


def ratio_text(own: np.ndarray, plain: np.ndarray) -> str:
    ratio = own.mean() / plain.mean()
    spread = (own - ratio * plain).std(ddof=1) / plain.mean() / len(own) ** 0.5
    return f"{ratio:.3f} ± {spread:.3f}"


def fixed_set(names: Sequence[LandscapeName], seeds: range) -> None:
    print(f"\n## Fixed set: the same {FIXED} random settings offered to every rule, {len(seeds)} seeds\n")
    print(
        "Cost in full trainings / hypervolume divided by `none` / share of the members of the front that was stopped.\n"
    )
    rules = [rule for rule in RULES if not rule.name.startswith(("none, ", "eod, "))]
    print(f"| rule | {' | '.join(names)} |\n| --- |{' --- |' * len(names)}")
    plain: dict[tuple[str, int], np.ndarray] = {}
    for rule in rules:
        cells = []
        for name in names:
            costs, ratios, lost = [], [], []
            for seed in seeds:
                record = run(name, rule, seed=seed, trials=FIXED, sampler="random")
                finals = true_finals(record, MadeLandscape(name, seed))
                whole = plain.setdefault((name, seed), finals)
                front = whole[nondominated(whole, DIRECTIONS)]
                kept = sum(bool((finals == member).all(axis=1).any()) for member in front)
                costs.append(record.spent_s / TRAINING_S)
                ratios.append(volume(finals) / volume(whole))
                lost.append(1 - kept / len(front))
            cells.append(f"{np.mean(costs):.1f} / {np.mean(ratios):.3f} / {np.mean(lost):.0%}")
        print(f"| {rule.name.removesuffix(', random sampling')} | {' | '.join(cells)} |")


def speed() -> None:
    print("\n## Speed, in CPU time of one core\n")
    steps = 100
    made = list(itertools.islice(_flat(steps), steps))

    def replay(config: TrialConfig) -> Iterator[TrialReport]:
        return iter(made)

    for pruner in ("none", "eod"):
        spec = SweepSpec.model_validate(
            {
                "data": {"sources": [{"source": "shapes"}]},
                "objectives": OBJECTIVES,
                "trial": {"steps": steps, "rungs": tuple(range(1, steps))},
                "space": space_of("mixed"),
                "search": {"trials": 300, "concurrency": WORKERS, "sampler": "random", "pruner": pruner},
            }
        )
        start = time.process_time()
        record = simulate(spec, replay)
        took = time.process_time() - start
        print(f"{pruner}: {record.reports / took:,.0f} simulated reports per second (goal 50,000), random sampler")
    for name in ("eod", "moasha", "median_all"):
        print(f"{name}: {1000 * _latency_s(name):.2f} ms per decision at 1,000 trials, 99th percentile (goal below 5)")


def _flat(steps: int) -> Iterator[TrialReport]:
    for step in range(1, steps + 1):
        share = step / steps
        scores = dict.fromkeys(OBJECTIVES, 0.5 * share)
        exposure = {"grounding": share, "text": share}
        yield TrialReport(step, share, float(step), scores, {}, {}, {}, exposure)


class Timed(Pruner):
    """Measures another pruner's decisions once enough trials have reported; it lets every trial go on."""

    def __init__(self, pruner: Pruner, *, after: int) -> None:
        self._pruner, self._after = pruner, after
        self.took_s: list[float] = []

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        if running.number >= self._after:
            start = time.process_time()
            self._pruner.reason_to_stop(running, pool)
            self.took_s.append(time.process_time() - start)
        return None


def _latency_s(name: str) -> float:
    from search.pruners import make_pruner

    rule = Rule(name, {"name": name, "force": True} if name == "moasha" else {"name": name}, "random")
    spec = spec_of("mixed", rule, seed=0, trials=1100, sampler="random")
    timed = Timed(make_pruner(spec, memory_studies(DIRECTIONS).companion), after=1000)
    simulate(spec, MadeLandscape("mixed").reports, pruner=timed)
    return float(np.quantile(timed.took_s, 0.99))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--landscapes", nargs="+", choices=get_args(LandscapeName), default=get_args(LandscapeName))
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    equal_budget(arguments.landscapes, seeds)
    fixed_set(arguments.landscapes, seeds)
    speed()


if __name__ == "__main__":
    main()
