"""How fast simulated sweeps and decisions are.

Rates are in CPU time of one core, since other programs may share the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from pruning_rules import DIRECTIONS, STEPS, TRAINING_S, WORKERS

from search.landscapes import OBJECTIVES, MadeLandscape, space_of
from search.memory_study import memory_studies
from search.pruners import Curve, CurvePool, Pruner, make_pruner
from search.simulator import MemoryRecord, Reports, simulate
from search.spec import SweepSpec
from spaces import TrialConfig
from trainable.report import TrialReport

MANY_STEPS, REPEATS = 100, 3
DECISIONS_AFTER = 1000


class Timed(Pruner):
    """Measures another pruner's decisions once enough trials have reported; it lets every trial go on."""

    def __init__(self, pruner: Pruner, *, after: int) -> None:
        self._pruner, self._after = pruner, after
        self.took_s: list[float] = []

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        """Ask it."""
        if running.number >= self._after:
            start = time.process_time()
            self._pruner.reason_to_stop(running, pool)
            self.took_s.append(time.process_time() - start)
        return None


def _spec(*, steps: int, rungs: tuple[int, ...], **search: Any) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "data": {"sources": [{"source": "shapes"}]},
            "objectives": OBJECTIVES,
            "trial": {"steps": steps, "rungs": rungs},
            "space": space_of("mixed"),
            "search": {"concurrency": WORKERS, **search},
        }
    )


def rising(steps: int) -> Callable[[TrialConfig], Reports]:
    """Give a landscape that costs nothing: straight curves, each trial's a little higher than the one's before."""
    made: dict[int, list[TrialReport]] = {}

    def reports(config: TrialConfig) -> Iterator[TrialReport]:
        return iter(made[config.number])

    for number in range(300):
        made[number] = [
            TrialReport(
                step,
                step / steps,
                float(step),
                dict.fromkeys(OBJECTIVES, (0.5 + number / 1000) * step / steps),
                {},
                {},
                {},
                {"grounding": step / steps, "text": step / steps},
            )
            for step in range(1, steps + 1)
        ]
    return reports


def _timed(run: Callable[[], MemoryRecord]) -> tuple[MemoryRecord, float]:
    """Give the fastest of several runs."""
    found: list[tuple[float, MemoryRecord]] = []
    for _ in range(REPEATS):
        start = time.process_time()
        record = run()
        found.append((time.process_time() - start, record))
    took, record = min(found, key=lambda each: each[0])
    return record, took


def reports_per_second(pruner: str) -> float:
    """Give the rate where reports are what costs: 300 trials of 100 reports that no pruner stops."""
    rungs = tuple(range(1, MANY_STEPS))
    spec = _spec(steps=MANY_STEPS, rungs=rungs, trials=300, sampler="random", pruner=pruner)
    landscape = rising(MANY_STEPS)
    record, took = _timed(lambda: simulate(spec, landscape))
    return record.reports / took


def real_time_factor(sampler: str) -> float:
    """Give simulated seconds per second for 100 trials of 24 steps of 100 s, five reports each, with the default."""
    spec = _spec(steps=STEPS, rungs=(3, 6, 12, 18), trials=100, sampler=sampler)
    record, took = _timed(lambda: simulate(spec, MadeLandscape("mixed").reports))
    return record.clock_s / took


def latency_s(name: str) -> float:
    """Give the 99th percentile of the time of a decision at 1,000 trials."""
    pruner = {"name": name, "force": True} if name == "moasha" else name
    trials = DECISIONS_AFTER + 100
    spec = _spec(steps=STEPS, rungs=(3, 6, 12, 18), trials=trials, sampler="random", pruner=pruner)
    timed = Timed(make_pruner(spec, memory_studies(DIRECTIONS).companion), after=DECISIONS_AFTER)
    simulate(spec, MadeLandscape("mixed").reports, pruner=timed)
    return float(np.quantile(timed.took_s, 0.99))


def main() -> None:
    """Print all of it."""
    print("\n## Speed, in CPU time of one core\n\n| measured | seen | goal |\n| --- | --- | --- |")
    for pruner in ("none", "eod"):
        rate = reports_per_second(pruner)
        print(f"| simulated reports per second, `{pruner}`, random sampler | {rate:,.0f} | 50,000 |")
    for sampler in ("random", "tpe"):
        factor = real_time_factor(sampler)
        trials = f"{WORKERS} workers, trials of {TRAINING_S / 60:.0f} min"
        print(f"| times real time, `eod`, `{sampler}`, {trials} | {factor:,.0f} | 5,000 |")
    for name in ("eod", "moasha", "median_all"):
        print(f"| `{name}`, one decision at 1,000 trials, 99th percentile | {1000 * latency_s(name):.2f} ms | 5 ms |")
