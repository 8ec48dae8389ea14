"""What share of Ray Tune's loop goes into saving state: our sweeps, and Ray Tune as it comes.

Both run in one local Ray, on as many workers, and their trials only hand out made-up reports, so that the loop is
nearly all that there is. Ray's own share is what ``TuneController.checkpoint`` and the callbacks take, its JSON, CSV
and TensorBoard loggers among them. For our sweeps, what the record and the study take counts besides. By default Ray
stretches the time between its checkpoints until they take a twentieth of the loop; nothing does so for its loggers.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driver_loop import SAVING, start
from ray import cloudpickle, tune
from ray.tune.callback import CallbackList
from ray.tune.execution.tune_controller import TuneController
from ray_tune import SCORE, STEP, make_scheduler, make_searcher
from stopwatch import Stopwatch
from typing_extensions import override

import search.sweep
from search.cluster import Cluster, connected_ray
from search.kept_checkpoints import checkpoint_place
from search.landscapes import OBJECTIVES
from search.lost_workers import GuardedScheduler
from search.searcher import HubSearcher
from search.spec import SweepSpec
from search.storage_fault import StorageGuard
from spaces import TERM_NAMES
from trainable.messages import REPORT_KEY, TRIAL_KEY

RAY, LOOP = "ray", "loop"
_HOOKS = ("on_step_begin", "on_step_end", "on_trial_start", "on_trial_result", "on_trial_complete", "on_trial_save")
RAYS_OWN = (
    (TuneController, "checkpoint", RAY),
    *((CallbackList, name, RAY) for name in _HOOKS),
    (TuneController, "step", LOOP),
)
_DEFAULTS = ("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "TUNE_GLOBAL_CHECKPOINT_S")


@dataclass(frozen=True)
class Saving:
    """Wall time of one run.

    Attributes:
        trials: That ended.
        loop_s: Of Ray Tune's loop, waiting for workers included.
        ray_s: Of it, Ray's own saving.
        ours_s: Of it, the record and the study; 0 for Ray Tune as it comes.

    """

    trials: int
    loop_s: float
    ray_s: float
    ours_s: float


class MadeTrial(tune.Trainable):
    """Hands out made-up reports as ``RayTrial`` does trained ones; its worker loads none of our packages."""

    @override
    def setup(self, config: dict[str, Any]) -> None:
        training = json.loads(config[TRIAL_KEY])["training"]
        self._reports = _made_reports((*training["rungs"], training["steps"]), seed=config[TRIAL_KEY])

    @override
    def step(self) -> dict[str, Any]:
        return {REPORT_KEY: json.dumps(next(self._reports))}

    @override
    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


def _stock_trial(steps: Sequence[int]) -> type[tune.Trainable]:
    """Give the same for Ray's own searcher and scheduler, which see one score."""

    class StockTrial(MadeTrial):
        @override
        def setup(self, config: dict[str, Any]) -> None:
            self._reports = _made_reports(steps, seed=repr(config))

        @override
        def step(self) -> dict[str, Any]:
            report = next(self._reports)
            rest: dict[str, Any] = {SCORE: sum(report["metrics"].values()), STEP: report["step"]}
            return {**report["metrics"], **report["losses"], **rest, "done": report["step"] == steps[-1]}

    return StockTrial


def _made_reports(steps: Sequence[int], *, seed: str) -> Iterator[dict[str, Any]]:
    """Give the reports of a trial that rises evenly to where its seed leads, as the fields of ``TrialReport``."""
    heights, losses = random.Random(seed), dict.fromkeys(TERM_NAMES, 0.5)
    ends = {metric: heights.random() for metric in OBJECTIVES}
    for step in steps:
        progress = step / steps[-1]
        yield {
            "step": step,
            "progress": progress,
            "seconds": float(step),
            "metrics": {metric: end * progress for metric, end in ends.items()},
            "losses": losses,
            "weights": losses,
            "weighted": losses,
            "exposure": {"grounding": progress, "text": progress},
        }


def ours(spec: SweepSpec, cluster: Cluster, folder: Path) -> Saving:
    """Run a sweep of ours."""
    hub, guard = start(spec, folder), StorageGuard(folder)
    searcher = HubSearcher(hub, checkpoint_place(spec, folder), guard, most=spec.search.trials)
    scheduler = GuardedScheduler(
        hub, guard, check=lambda: None, is_interrupted=lambda: False, is_over=lambda: hub.should_end
    )
    own, search.sweep.RayTrial = search.sweep.RayTrial, MadeTrial  # type: ignore[misc]
    try:
        watch = _timed(lambda: search.sweep._fit(spec, cluster, searcher, scheduler))
    finally:
        search.sweep.RayTrial = own  # type: ignore[misc]
    saved = sum(watch.total_s(label) for label in {label for *_, label in SAVING})
    return Saving(hub.ended, watch.total_s(LOOP), watch.total_s(RAY), saved)


def stock(spec: SweepSpec, folder: Path) -> Saving:
    """Run Ray Tune with its own searcher, scheduler, loggers and checkpoints; workers are reused, as ours are."""
    kept = {name: os.environ.pop(name, None) for name in _DEFAULTS}
    resources = spec.trial.resources
    needs = {"cpu": resources.cpus, "gpu": resources.gpus, **resources.custom}
    tuner = tune.Tuner(
        tune.with_resources(_stock_trial(spec.trial.report_steps), needs),
        tune_config=tune.TuneConfig(
            search_alg=make_searcher(spec, seed=0),
            scheduler=make_scheduler(spec, eta=4),
            num_samples=spec.search.trials,
            max_concurrent_trials=spec.search.concurrency,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="stock",
            storage_path=str(folder),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),  # made-up trials have no state
        ),
    )
    found: list[tune.ResultGrid] = []
    try:
        watch = _timed(lambda: found.append(tuner.fit()))
    finally:
        os.environ.update({name: value for name, value in kept.items() if value is not None})
    if found[0].errors:
        raise RuntimeError(f"{len(found[0].errors)} of {len(found[0])} trials of Ray Tune failed") from found[0].errors[
            0
        ]
    return Saving(len(found[0]), watch.total_s(LOOP), watch.total_s(RAY), 0.0)


def _timed(run: Callable[[], object]) -> Stopwatch:
    watch = Stopwatch(time.monotonic)
    with watch.watching((*RAYS_OWN, *SAVING)):
        run()
    return watch


def saving(spec: SweepSpec, folder: Path) -> tuple[Saving, Saving]:
    """Run both in one Ray, ours first."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with connected_ray(spec) as cluster:
        return ours(spec, cluster, folder / "ours"), stock(spec, folder)
