"""What a sweep will take: trials, time, hours of GPUs, disk. Arithmetic alone: nothing is read or loaded."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from search.planning.costs import STUDY_BYTES, Costs, expected_front
from search.spec import PrunerName, SweepSpec, end_of

ASSUMED_SAVINGS: Mapping[PrunerName, float] = {"none": 0.0, "eod": 0.3, "median_all": 0.3, "moasha": 0.6, "optuna": 0.3}
"""Share of the steps that a pruner saves once it has seen enough; docs/pruning.md measured it on made-up landscapes."""
_SLOW_START = 10
"""Trials after the warm-up in which little is stopped, since there are few to compare with."""


@dataclass(frozen=True)
class Forecast:
    """How a sweep goes if everything takes what its costs say.

    Attributes:
        ended: Trials that end, stopped ones included.
        left: Trials that a limit leaves for ``paretune resume``.
        seconds: From the command to its end.
        end: When that is, in local time.
        trial_seconds: Of all trials together.
        gpu_hours: Hours of GPUs that trials reserve.
        core_hours: Hours of cores that they reserve.
        limit: Key of the limit that ends the sweep, or an empty text.

    """

    ended: int
    left: int
    seconds: float
    end: datetime
    trial_seconds: float
    gpu_hours: float
    core_hours: float
    limit: str


def trial_seconds(spec: SweepSpec, costs: Costs, *, saved_share: float) -> float:
    """Give the seconds of one trial in a warm worker, in the mean over trials."""
    whole = spec.trial.steps * costs.step_s + len(spec.trial.rungs) * costs.rung_s + costs.final_s
    return costs.trial_s + (1 - saved_share) * whole


def assumed_saving(spec: SweepSpec) -> float:
    """Give the share of all steps that the pruner is assumed to save: none up to ten trials after its warm-up."""
    pruner, trials = spec.search.pruner, spec.search.trials
    if not spec.trial.rungs:
        return 0.0
    warm_up = max(pruner.warmup_trials, spec.search.concurrency)
    return ASSUMED_SAVINGS[pruner.name] * max(trials - warm_up - _SLOW_START, 0) / trials


def forecast(spec: SweepSpec, costs: Costs, *, saved_share: float, now: datetime, workers: int) -> Forecast:
    """Play a sweep through: each trial goes to the worker that is free first, none starts after a limit.

    A limit ends the sweep as the driver does it: running trials are suspended at their next report.

    Args:
        spec: The sweep.
        costs: What its parts take.
        saved_share: Share of all steps that the pruner saves.
        now: When the command is given, in local time.
        workers: Trials that run at a time.

    """
    mean_s = trial_seconds(spec, costs, saved_share=saved_share)
    key, limit_s = _limit(spec, costs, now=now, workers=workers)
    free = [costs.before_s + costs.worker_s] * max(1, min(workers, spec.search.trials))
    ended, busy_s = 0, costs.worker_s * len(free)
    running: list[float] = []
    for _ in range(spec.search.trials):
        start = heapq.heappop(free)
        if start >= limit_s:
            heapq.heappush(free, start)
            break
        end = start + mean_s
        heapq.heappush(free, end)
        if end <= limit_s:
            ended, busy_s = ended + 1, busy_s + mean_s
        else:
            running.append(start)
    is_cut = ended < spec.search.trials
    last = max(free)
    if is_cut:
        stretch = _longest_stretch(spec, costs)
        suspended = [min(start + mean_s, limit_s + stretch / 2) for start in running]
        busy_s += sum(end - start for end, start in zip(suspended, running, strict=True))
        last = max(suspended, default=limit_s)
    seconds = last + costs.after_s
    pack = 1 if spec.trial.pack == "auto" else spec.trial.pack
    return Forecast(
        ended=ended,
        left=spec.search.trials - ended,
        seconds=seconds,
        end=now + timedelta(seconds=seconds),
        trial_seconds=busy_s,
        gpu_hours=busy_s * spec.trial.resources.gpus / pack / 3600,
        core_hours=busy_s * spec.trial.resources.cpus / pack / 3600,
        limit=key if is_cut else "",
    )


def _limit(spec: SweepSpec, costs: Costs, *, now: datetime, workers: int) -> tuple[str, float]:
    """Give the key of the earliest limit, and its seconds from now on."""
    search, limits = spec.search, [("", math.inf)]
    if search.time_limit is not None:
        limits.append(("search.time_limit", search.time_limit))
    if search.deadline is not None:
        limits.append(("search.deadline", (end_of(search.deadline, now=now) - now).total_seconds()))
    if search.gpu_hours is not None and spec.trial.resources.gpus:
        pack = 1 if spec.trial.pack == "auto" else spec.trial.pack
        per_second = workers * spec.trial.resources.gpus / pack
        limits.append(("search.gpu_hours", costs.before_s + search.gpu_hours * 3600 / per_second))
    return min(limits, key=lambda one: one[1])


def _longest_stretch(spec: SweepSpec, costs: Costs) -> float:
    """Give the seconds between two reports, where they are farthest apart."""
    steps = [0, *spec.trial.report_steps]
    longest = max(after - before for before, after in pairwise(steps))
    return longest * costs.step_s + (costs.rung_s if spec.trial.rungs else costs.final_s)


@dataclass(frozen=True)
class Disk:
    """Bytes that a sweep leaves on disk when it has ended.

    Attributes:
        record: Parquet tables, predictions included.
        study: Of Optuna in SQLite; 0 where a server keeps it.
        checkpoints: Of the front: adapters and their optimizers' moments.
        running: Of trials that run, beside them, as long as the sweep does.
        features: What is kept for all trials, on each node; ``None`` if not known.
        adapters: Of the front alone, without the optimizer's moments, as they would be exported; ``None`` if not known.

    """

    record: float
    study: float
    checkpoints: float
    running: float
    features: float | None
    adapters: float | None

    @property
    def folder(self) -> float:
        """Bytes of the sweep's folder, checkpoints included."""
        return self.record + self.study + self.checkpoints


def disk(
    spec: SweepSpec,
    costs: Costs,
    *,
    ended: int,
    saved_share: float,
    checkpoint_bytes: float,
    adapter_bytes: float | None,
    final_rows: int | None,
    features: float | None,
) -> Disk:
    """Add up what a sweep leaves on disk.

    Args:
        spec: The sweep.
        costs: With the bytes of rows.
        ended: Trials that end.
        saved_share: Share of all steps that the pruner saves.
        checkpoint_bytes: Of one trial.
        adapter_bytes: Of one trial's adapter.
        final_rows: Rows that the last report of a trial scores; ``None`` if not known.
        features: What is kept for all trials.

    """
    reports = ended * (len(spec.trial.rungs) + 1) * (1 - saved_share)
    completed = round(ended * (1 - saved_share))
    front = expected_front(completed) * (1.0 if costs.front_ratio is None else costs.front_ratio)
    rows, most = costs.record, spec.search.disk or math.inf
    kept = min(front * checkpoint_bytes, most)
    return Disk(
        record=ended * rows.trial
        + reports * (rows.report + rows.decision)
        + completed * (final_rows or 0) * rows.prediction,
        study=STUDY_BYTES + ended * rows.study if spec.search.storage is None else 0.0,
        checkpoints=kept,
        running=min(spec.search.concurrency * checkpoint_bytes, most - kept),
        features=features,
        adapters=None if adapter_bytes is None else front * adapter_bytes,
    )
