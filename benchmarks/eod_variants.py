"""Variants of the default pruner, on landscapes and seeds that neither it nor they were chosen by.

* ``unseen maximum``: the largest gain seen in ``n`` finished trials falls short of the largest possible one; it is
  raised by its ``n``-th part, as if gains were spread evenly from 0 (the estimator of the German tank problem).
* ``tested first``: nothing is stopped before the rule has been wrong or right about three finished trials: it is asked
  about each as if that one had not finished, and counts those that it would have stopped. A trial that learns late so
  has a chance to show its gain before others like it are stopped.

The landscapes are those of ``pruning.py`` with twice the noise, other speeds, drifts and gains, and fewer late trials.
A variant is adopted only if it beats the default here.

Run: ``python benchmarks/eod_variants.py``
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pruning_rules import DEFAULT, DIRECTIONS, NONE, TRAINING_S, Rule, run, volume

from results.pareto import nondominated
from search import landscapes
from search.landscapes import LandscapeName, MadeLandscape
from search.pruners import Curve, CurvePool
from search.pruners.eod import OptimisticDominancePruner

WARMUP, BUDGET, FIXED = 6, 30, 60
FIRST_SEED = 1000
NAMES: Sequence[LandscapeName] = ("constant", "mixed", "latewin", "stepdriven", "intrinsic")


def set_apart() -> None:
    """Give the landscapes of this process parameters that nothing was chosen by."""
    landscapes._NOISE, landscapes._CORRELATION = 0.02, 0.3
    landscapes._SLOWEST, landscapes._FASTEST = 1.0, 8.0
    landscapes._LATE_DRIFT, landscapes._LATE_SHARE = 5.0, 0.25
    landscapes._GAIN_OF_LATE = {"grounding": 0.08, "text": 0.02}


class UnseenMaximumPruner(OptimisticDominancePruner):
    """Hopes for more than the largest gain seen."""

    def _gains(self, seen: NDArray[np.float64]) -> NDArray[np.float64] | None:
        gains = super()._gains(seen)
        return None if gains is None else gains * (1 + 1 / np.count_nonzero(~np.isnan(seen), axis=0))


class TestedFirstPruner(OptimisticDominancePruner):
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
    Rule("unseen maximum", make=_made(UnseenMaximumPruner)),
    Rule("tested first", make=_made(TestedFirstPruner)),
)


def _cell(found: Sequence[float]) -> str:
    return f"{np.mean(found):.3f} ± {np.std(found, ddof=1) / len(found) ** 0.5:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    set_apart()
    print("| landscape | rule | 1/4 | 1/2 | all | fixed: cost | hypervolume | front stopped |\n|" + " --- |" * 8)
    for name in NAMES:
        made = [MadeLandscape(name, FIRST_SEED + seed) for seed in range(arguments.seeds)]
        plain = [run(each, NONE, budget=BUDGET) for each in made]
        whole = [run(each, NONE, trials=FIXED, sampler="random") for each in made]
        for rule in RULES:
            cells: list[str] = []
            equal = [run(each, rule, budget=BUDGET) for each in made]
            for mark in (0.25, 0.5, 1.0):
                until = mark * BUDGET * TRAINING_S
                volumes = [[volume(each.finals[each.spent_s <= until]) for each in runs] for runs in (equal, plain)]
                cells.append(_cell([own / none for own, none in zip(*volumes, strict=True)]))
            fixed = [run(each, rule, trials=FIXED, sampler="random") for each in made]
            cells.append(f"{np.mean([each.total_s for each in fixed]) / TRAINING_S:.1f}")
            cells.append(
                _cell([volume(own.finals) / volume(all_.finals) for own, all_ in zip(fixed, whole, strict=True)])
            )
            lost: list[float] = []
            for own, all_ in zip(fixed, whole, strict=True):
                front = all_.finals[nondominated(all_.finals, DIRECTIONS)]
                lost.append(1 - sum(bool((own.finals == member).all(axis=1).any()) for member in front) / len(front))
            cells += [_cell(kept), f"{np.mean(lost):.0%}"]
            print(f"| {name} | {rule.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
