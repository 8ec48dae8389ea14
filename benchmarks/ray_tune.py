"""Ray Tune's own ``OptunaSearch`` and ``ASHAScheduler``, unmodified, on simulated workers.

Both are called as ``ray.tune.execution.tune_controller`` (Ray 2.60) calls them, without a cluster: ``suggest`` and
``on_trial_add`` for a new trial; for a report the scheduler's ``on_trial_result``, then the searcher's unless the
scheduler said stop; and at a stop ``on_trial_complete`` of both with the last report. So the searcher takes the last
scores of a stopped trial for final ones, which is what Ray Tune does.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

os.environ.setdefault("RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS", "0")

import optuna
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from search.pruners import Curve, CurvePool, Pruner
from search.spec import SweepSpec
from spaces import Scalar, SearchSpace, TrialConfig, settings_of
from trainable.report import TrialReport

Score = Callable[[Mapping[str, float]], float]
"""The one number that Ray Tune is told to maximise, from a report's scores."""

SCORE, STEP = "score", "step"


@dataclass(frozen=True)
class StockEnding:
    """How a trial ended.

    Attributes:
        config: Its settings.
        steps: Last step that was reported.
        spent_s: Simulated seconds that all workers together had spent when it ended.

    """

    config: TrialConfig
    steps: int
    spent_s: float


class Given:
    """Answers a space with values that were drawn before."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Give the float of this name."""
        return self._values[name]

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Give the whole number of this name."""
        return self._values[name]

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """Give the choice of this name."""
        return self._values[name]


def _define(space: SearchSpace, trial: Any) -> None:
    space.draw(trial)


def make_searcher(spec: SweepSpec, *, seed: int) -> OptunaSearch:
    """Make Ray's searcher for a sweep's space.

    Its first point is that of our own sweeps, the plain baseline, as near as the space holds it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    space = spec.space
    first = {key: space.home(key) for key in space.order()}
    return OptunaSearch(partial(_define, space), metric=SCORE, mode="max", points_to_evaluate=[first], seed=seed)


def make_scheduler(spec: SweepSpec, *, eta: int) -> ASHAScheduler:
    """Make Ray's scheduler: one bracket, first rung as in the sweep.

    Args:
        spec: The sweep.
        eta: Ray's ``reduction_factor``, by default 4.

    """
    steps = spec.trial.report_steps
    return ASHAScheduler(
        time_attr=STEP, metric=SCORE, mode="max", max_t=steps[-1], grace_period=steps[0], reduction_factor=eta
    )


def result_of(report: TrialReport, *, iteration: int, score: Score) -> dict[str, Any]:
    """Give a report as Ray's objects see it."""
    return {
        SCORE: score(report.metrics),
        STEP: report.step,
        "training_iteration": iteration,
        "time_total_s": report.seconds,
    }


class StockTune:
    """A simulated run of Ray Tune.

    Args:
        spec: Space, steps, number of workers.
        searcher: Ray's.
        scheduler: Ray's.
        score: What they see.
        timer: Measures the searcher, in seconds.

    """

    def __init__(
        self,
        spec: SweepSpec,
        searcher: OptunaSearch,
        scheduler: ASHAScheduler,
        *,
        score: Score,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._spec, self._searcher, self._scheduler = spec, searcher, scheduler
        self._score, self._timer = score, timer
        self._controller: Any = None  # neither looks at it
        self._queue: list[tuple[float, int, float, int, Trial, TrialConfig, TrialReport, Iterator[TrialReport]]] = []
        self._turn, self._numbers = itertools.count(), itertools.count()
        self.endings: list[StockEnding] = []
        self.asked = 0
        self.spent_s = 0.0

    def run(self, landscape: Callable[[TrialConfig], Iterator[TrialReport]], *, budget_s: float) -> None:
        """Run until the workers have spent their budget or ``search.trials`` trials have ended."""
        free, now = self._spec.search.concurrency, 0.0
        while self.spent_s < budget_s:
            while free and self.asked < self._spec.search.trials:
                self._start(landscape, now)
                free -= 1
            if not self._queue:
                return
            now, _, took, iteration, trial, config, report, reports = heapq.heappop(self._queue)
            self.spent_s += took
            if self._is_stopped(trial, result_of(report, iteration=iteration, score=self._score)):
                self.endings.append(StockEnding(config, report.step, self.spent_s))
                free += 1
            else:
                self._push(now - report.seconds, trial, config, reports, since=report.seconds, iteration=iteration + 1)

    def _start(self, landscape: Callable[[TrialConfig], Iterator[TrialReport]], now: float) -> None:
        before, trial_id = self._timer(), Trial.generate_id()
        point = self._spec.space.draw(Given(self._searcher.suggest(trial_id) or {}))
        waited = self._timer() - before
        trial = Trial("simulated", trial_id=trial_id, stub=True)
        self._scheduler.on_trial_add(self._controller, trial)
        spec = self._spec
        plain = TrialConfig(number=self.asked, model=spec.model, data=spec.data, training=spec.trial)
        config = plain.model_copy(update=vars(settings_of(point)))
        self.asked += 1
        self.spent_s += waited
        self._push(now + waited, trial, config, landscape(config), since=0.0, iteration=1)

    def _push(
        self,
        start_s: float,
        trial: Trial,
        config: TrialConfig,
        reports: Iterator[TrialReport],
        *,
        since: float,
        iteration: int,
    ) -> None:
        report = next(reports)
        took = report.seconds - since
        entry = (start_s + report.seconds, next(self._turn), took, iteration, trial, config, report, reports)
        heapq.heappush(self._queue, entry)

    def _is_stopped(self, trial: Trial, result: dict[str, Any]) -> bool:
        """Pass a result on as Tune's controller does."""
        decision = self._scheduler.on_trial_result(self._controller, trial, result)
        if decision != TrialScheduler.STOP:
            self._searcher.on_trial_result(trial.trial_id, result)
            return False
        result["done"] = True
        self._scheduler.on_trial_complete(self._controller, trial, result)
        self._searcher.on_trial_complete(trial.trial_id, result=result)
        return True


class RayAsha(Pruner):
    """Ray's scheduler as a pruner, so that it can be offered the same settings as the others.

    Args:
        scheduler: Ray's.
        metrics: The objectives, as the curves hold them.
        score: What it sees.

    """

    def __init__(self, scheduler: ASHAScheduler, metrics: Sequence[str], *, score: Score) -> None:
        self._scheduler, self._metrics, self._score = scheduler, metrics, score
        self._trials: dict[int, Trial] = {}
        self._controller: Any = None

    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        """Ask Ray's scheduler."""
        if running.number not in self._trials:
            self._trials[running.number] = Trial("simulated", stub=True)
            self._scheduler.on_trial_add(self._controller, self._trials[running.number])
        step = max(running.vectors)
        score = self._score(dict(zip(self._metrics, running.vectors[step], strict=True)))
        trial = self._trials[running.number]
        decision = self._scheduler.on_trial_result(self._controller, trial, {SCORE: score, STEP: step})
        return "stopped by Ray Tune's ASHA" if decision == TrialScheduler.STOP else None
