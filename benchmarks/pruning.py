"""What pruners cost and gain, against no pruning and Ray Tune's own searcher and scheduler, on simulated workers.

Printed are, for made-up landscapes:

* how well the order of the trials is kept;
* equal budget: hypervolume of the true final scores of completed trials after a quarter, half and all of a budget of
  full trainings, divided by that of no pruning with the same sampler;
* work: what the default and no pruning need to reach the final hypervolume of Ray Tune;
* fixed set: the same settings offered to every rule, with the cost, the hypervolume and the share of the front that
  is lost, against no pruning;

then the same fixed set of other people's learning curves and a search in their table, if the folder with them is
there; and how fast the simulator and the decisions are.

Run: ``python benchmarks/pruning.py``
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pruning_speed
import recorded_search
from numpy.typing import NDArray
from pruning_rules import (
    DEFAULT,
    DIRECTIONS,
    NONE,
    NONE_RANDOM,
    RAY_RULES,
    REFERENCE,
    RULES,
    STEPS,
    TRAINING_S,
    WORKERS,
    Outcome,
    Rule,
    fixed_rules,
    run,
    spec_of,
    volume,
)
from scipy.stats import kendalltau

from results.pareto import hypervolume_history, nondominated
from search.landscapes import OBJECTIVES, LandscapeName, MadeLandscape
from search.pruners import Curve, CurvePool, Pruner
from search.simulator import simulate

BUDGET, FIXED, ORDERED, RECORDED = 30, 60, 200, 10
MARKS: Mapping[str, float] = {"a quarter": 0.25, "half": 0.5, "all": 1.0}

Runs = Mapping[tuple[LandscapeName, str], Sequence[Outcome]]


class Listening(Pruner):
    """Lets every trial go on; keeps the curves that it hears of."""

    def __init__(self) -> None:
        self.curves: dict[int, Curve] = {}

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        """Take the curve."""
        self.curves[running.number] = running
        return None


def order_kept(name: LandscapeName, *, seed: int) -> Mapping[int, float]:
    """Give Kendall's tau between the scores at each rung and at the end, the mean over the objectives."""
    listening, landscape = Listening(), MadeLandscape(name, seed)
    spec = spec_of(name, NONE, seed=seed, trials=ORDERED, sampler="random")
    simulate(spec, landscape.reports, pruner=listening)
    whole = np.array(
        [[curve.vectors[step] for step in (*spec.trial.rungs, STEPS)] for curve in listening.curves.values()]
    )
    return {
        step: float(np.mean([kendalltau(whole[:, place, k], whole[:, -1, k])[0] for k in range(len(OBJECTIVES))]))
        for place, step in enumerate(spec.trial.rungs)
    }


class Keeper:
    """Runs rules; with a folder, what was run before is read from there, so that a stopped measurement goes on.

    Args:
        folder: Of outcomes, one file each; they are those of the code that made them.

    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def run(self, landscape: MadeLandscape, rule: Rule, *, kind: str, **settings: Any) -> Outcome:
        """Run a rule once, or read what it found."""
        if self._folder is None:
            return run(landscape, rule, **settings)
        name = f"{kind} {landscape.name} {landscape.seed} {rule.name}".replace(" ", "_").replace("/", "_")
        path = self._folder / f"{name}.npz"
        if not path.exists():
            found = run(landscape, rule, **settings)
            part = path.with_suffix(".part.npz")
            totals = np.array([found.total_s, found.asked])
            np.savez(part, finals=found.finals, spent_s=found.spent_s, totals=totals)
            part.replace(path)
        with np.load(path) as file:
            total_s, asked = file["totals"].tolist()
            return Outcome(file["finals"], file["spent_s"], total_s, int(asked))


def equal_budget(keeper: Keeper, rules: Sequence[Rule], names: Sequence[LandscapeName], seeds: range) -> Runs:
    runs: dict[tuple[LandscapeName, str], Sequence[Outcome]] = {}
    for rule in rules:
        for name in names:
            made = [MadeLandscape(name, seed) for seed in seeds]
            runs[name, rule.name] = [keeper.run(each, rule, kind="budget", budget=BUDGET) for each in made]
        print(f"{rule.name}: run", file=sys.stderr, flush=True)
    return runs


def volumes_at(outcomes: Sequence[Outcome], mark: float) -> NDArray[np.float64]:
    return np.array([volume(each.finals[each.spent_s <= mark * BUDGET * TRAINING_S]) for each in outcomes])


def print_equal_budget(runs: Runs, rules: Sequence[Rule], names: Sequence[LandscapeName]) -> None:
    for label, mark in MARKS.items():
        print(f"\n### Equal budget, after {label} of it\n")

        def cell(name: LandscapeName, rule: Rule, mark: float = mark) -> str:
            plain = NONE if rule.sampler == "tpe" else NONE_RANDOM
            return ratio_text(volumes_at(runs[name, rule.name], mark), volumes_at(runs[name, plain.name], mark))

        print_table([rule for rule in rules if rule.name not in (NONE.name, NONE_RANDOM.name)], names, cell)
    print("\n### Trials begun at the end of it\n")
    print_table(rules, names, lambda name, rule: f"{np.mean([each.asked for each in runs[name, rule.name]]):.0f}")


def ratio_text(own: NDArray[np.float64], plain: NDArray[np.float64]) -> str:
    """Give the ratio of the means with its standard error over paired seeds."""
    ratio = own.mean() / plain.mean()
    spread = (own - ratio * plain).std(ddof=1) / plain.mean() / len(own) ** 0.5
    return f"{ratio:.3f} ± {spread:.3f}"


def print_table(rules: Sequence[Rule], names: Sequence[str], cell: Callable[..., str]) -> None:
    print(f"| rule | {' | '.join(names)} |\n|{' --- |' * (1 + len(names))}")
    for rule in rules:
        print(f"| {rule.name} | {' | '.join(cell(name, rule) for name in names)} |", flush=True)


def work_to_reach(outcome: Outcome, target: float) -> float | None:
    """Give the work, in full trainings, after which a run first had a hypervolume, or ``None`` if it never had."""
    history = hypervolume_history(outcome.finals, DIRECTIONS, reference=REFERENCE)
    reached = np.flatnonzero(history >= target * (1 - 1e-9))
    return float(outcome.spent_s[reached[0]]) / TRAINING_S if len(reached) else None


def work_text(own: Sequence[Outcome], ray: Sequence[Outcome]) -> str:
    """Compare the work to reach Ray Tune's final hypervolume with what Ray Tune itself needed for it."""
    targets = [volume(each.finals) for each in ray]
    needed = [work_to_reach(each, target) for each, target in zip(own, targets, strict=True)]
    of_ray = [work_to_reach(each, target) or 0.0 for each, target in zip(ray, targets, strict=True)]
    work = np.array([float(BUDGET) if each is None else each for each in needed])
    missed = sum(each is None for each in needed)
    return f"{work.mean():.1f} of {np.mean(of_ray):.1f}: {work.mean() / np.mean(of_ray):.2f}" + (
        f" ({missed} never)" if missed else ""
    )


def print_work(runs: Runs, names: Sequence[LandscapeName]) -> None:
    print("\n### Work to reach the final hypervolume of Ray Tune\n")
    for rule in (DEFAULT, NONE):
        print(f"\n{rule.name}:\n")
        print_table(RAY_RULES, names, lambda name, ray, own=rule: work_text(runs[name, own.name], runs[name, ray.name]))


def lost_share(own: Sequence[Outcome], whole: Sequence[Outcome]) -> float:
    """Give the mean share of the front's members that are missing."""
    shares: list[float] = []
    for each, every in zip(own, whole, strict=True):
        front = every.finals[nondominated(every.finals, DIRECTIONS)]
        kept = sum(bool((each.finals == member).all(axis=1).any()) for member in front)
        shares.append(1 - kept / len(front))
    return float(np.mean(shares))


def print_fixed_set(keeper: Keeper, names: Sequence[LandscapeName], seeds: range) -> None:
    print(f"\n## Fixed set: the same {FIXED} random settings offered to every rule, {len(seeds)} seeds\n")
    rules = fixed_rules(spec_of(names[0], NONE, seed=0, trials=FIXED, sampler="random"))
    found = {
        (name, rule.name): [
            keeper.run(MadeLandscape(name, seed), rule, kind="fixed", trials=FIXED, sampler="random") for seed in seeds
        ]
        for rule in rules
        for name in names
    }

    def cell(name: LandscapeName, rule: Rule) -> str:
        own, whole = found[name, rule.name], found[name, NONE.name]
        cost = np.mean([each.total_s for each in own]) / TRAINING_S
        ratio = np.mean([volume(each.finals) / volume(every.finals) for each, every in zip(own, whole, strict=True)])
        return f"{cost:.1f} / {ratio:.3f} / {lost_share(own, whole):.0%}"

    print_table(rules, names, cell)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--landscapes", nargs="+", choices=get_args(LandscapeName), default=get_args(LandscapeName))
    parser.add_argument("--only", nargs="+", choices=[rule.name for rule in RULES], help="rules of the equal budget")
    parser.add_argument("--keep", type=Path, help="folder of outcomes; a stopped measurement goes on from there")
    parser.add_argument("--data", default=None, help="folder with other people's curves and tables")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    names, start = arguments.landscapes, time.perf_counter()
    print(f"## Kendall's tau between the scores at a rung and at the end, {ORDERED} random settings\n")
    for name in names:
        print(f"{name}: {', '.join(f'step {step} {tau:.2f}' for step, tau in order_kept(name, seed=0).items())}")
    print(f"\n## Equal budget: {BUDGET} full trainings on {WORKERS} workers, {len(seeds)} seeds")
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    keeper = Keeper(arguments.keep)
    rules = [rule for rule in RULES if arguments.only is None or rule.name in arguments.only]
    runs = equal_budget(keeper, rules, names, seeds)
    print_equal_budget(runs, rules, names)
    if {rule.name for rule in (NONE, DEFAULT, *RAY_RULES)} <= {rule.name for rule in rules}:
        print_work(runs, names)
    print_fixed_set(keeper, names, seeds)
    recorded_search.main(arguments.data, seeds=seeds[:RECORDED])
    pruning_speed.main()
    print(f"\nAll of this took {time.perf_counter() - start:,.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()
