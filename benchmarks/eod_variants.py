"""Variants of the default pruner, on landscapes and seeds that neither it nor they were chosen by.

* ``largest seen``: hopes for no more than the largest gain seen. The default raises that by its ``n``-th part, with
  ``n`` finished trials; it replaced this rule after it had beaten it here.
* ``tested first``: nothing is stopped before the rule has been wrong or right about three finished trials: it is asked
  about each as if that one had not finished, and counts those that it would have stopped. A trial that learns late so
  has a chance to show its gain before others like it are stopped.

The landscapes are those of ``pruning.py`` with twice the noise, other speeds, drifts and gains, and fewer late trials.
A variant becomes the default only if it beats the default here.

Run: ``python benchmarks/eod_variants.py``
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pruning import BUDGET, FIXED, MARKS, Keeper, lost_share, ratio_text, volumes_at
from pruning_rules import DEFAULT, NONE, TRAINING_S, Rule, volume

from search import landscapes
from search.landscapes import LandscapeName, MadeLandscape
from search.pruners import Curve, CurvePool
from search.pruners.eod import OptimisticDominancePruner

WARMUP = 6
FIRST_SEED = 1000
NAMES: Sequence[LandscapeName] = ("constant", "mixed", "latewin", "stepdriven", "intrinsic")


def set_apart() -> None:
    """Give the landscapes of this process parameters that nothing was chosen by."""
    landscapes._NOISE, landscapes._CORRELATION = 0.02, 0.3
    landscapes._SLOWEST, landscapes._FASTEST = 1.0, 8.0
    landscapes._LATE_DRIFT, landscapes._LATE_SHARE = 5.0, 0.25
    landscapes._GAIN_OF_LATE = {"grounding": 0.08, "text": 0.02}


class LargestSeenPruner(OptimisticDominancePruner):
    """Hopes for the largest gain seen."""

    def _gains(self, seen: NDArray[np.float64]) -> NDArray[np.float64] | None:
        gains = super()._gains(seen)
        return None if gains is None else gains / (1 + 1 / np.count_nonzero(~np.isnan(seen), axis=0))


class TestedFirstPruner(LargestSeenPruner):
    """Stops nothing before it would have stopped some trials that finished."""

    tests = 3

    def __init__(self, *, warmup_trials: int, gain_quantile: float) -> None:
        super().__init__(warmup_trials=warmup_trials, gain_quantile=gain_quantile)
        self._tested_at, self._is_tested = 0, False

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        """Judge, once the rule is tested."""
        if not self._is_tested and len(pool.finished) > self._tested_at:
            self._tested_at = len(pool.finished)
            self._is_tested = sum(self._would_stop(each, pool) for each in pool.finished) >= self.tests
        return super().reason_to_stop(running, pool) if self._is_tested else None

    def _would_stop(self, curve: Curve, pool: CurvePool) -> bool:
        others = CurvePool()
        for each in pool.finished:
            if each is not curve:
                others.finish(each)
        *steps, _ = sorted(curve.vectors)
        cut = [{at: curve.vectors[at] for at in steps if at <= step} for step in steps]
        return any(
            super(TestedFirstPruner, self).reason_to_stop(Curve(-1, each, curve.exposures), others) for each in cut
        )


def _made(kind: Callable[..., OptimisticDominancePruner]) -> Callable[[int], OptimisticDominancePruner]:
    return lambda seed: kind(warmup_trials=WARMUP, gain_quantile=1.0)


RULES = (
    DEFAULT,
    Rule("largest seen", make=_made(LargestSeenPruner)),
    Rule("tested first", make=_made(TestedFirstPruner)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="folder of outcomes; a stopped measurement goes on from there")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    keeper = Keeper(arguments.keep)
    set_apart()
    print("| landscape | rule | 1/4 | 1/2 | all | fixed: cost | hypervolume | front stopped |\n|" + " --- |" * 8)
    for name in NAMES:
        made = [MadeLandscape(name, FIRST_SEED + seed) for seed in range(arguments.seeds)]
        equal, fixed = {}, {}
        for rule in (NONE, *RULES):
            equal[rule.name] = [keeper.run(each, rule, kind="budget", budget=BUDGET) for each in made]
            fixed[rule.name] = [keeper.run(each, rule, kind="fixed", trials=FIXED, sampler="random") for each in made]
        for rule in RULES:
            spent, plain = equal[rule.name], equal[NONE.name]
            cells = [ratio_text(volumes_at(spent, mark), volumes_at(plain, mark)) for mark in MARKS.values()]
            own, whole = fixed[rule.name], fixed[NONE.name]
            volumes = [np.array([volume(each.finals) for each in outcomes]) for outcomes in (own, whole)]
            cells.append(f"{np.mean([each.total_s for each in own]) / TRAINING_S:.1f}")
            cells += [ratio_text(*volumes), f"{lost_share(own, whole):.0%}"]
            print(f"| {name} | {rule.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
