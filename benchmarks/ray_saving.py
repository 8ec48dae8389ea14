"""What share of Ray Tune's loop goes into saving state: our sweeps, and Ray Tune as it comes.

Both run in one local Ray, on as many workers, and their trials only hand out made-up reports, so that the loop is
nearly all that there is. Ray's own share is what ``TuneController.checkpoint`` and the callbacks take, its JSON, CSV
and TensorBoard loggers among them. For our sweeps, what the record and the study take counts besides. By default Ray
stretches the time between its checkpoints until they take a twentieth of the loop; nothing does so for its loggers.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from driver_loop import SAVING, full_reports, start
from ray import cloudpickle, tune
from ray.tune.callback import CallbackList
from ray.tune.execution.tune_controller import TuneController
from ray_tune import Given, make_scheduler, make_searcher, result_of
from stopwatch import Stopwatch
from typing_extensions import override

import search.sweep
from search.cluster import Cluster, connected_ray
from search.kept_checkpoints import checkpoint_place
from search.lost_workers import GuardedScheduler
from search.searcher import HubSearcher
from search.spec import SweepSpec
from search.storage_fault import StorageGuard
from spaces import TrialConfig, settings_of
from trainable.ray_entry import REPORT_KEY, TRIAL_KEY

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
    """Hands out made-up reports as ``RayTrial`` does trained ones."""

    @override
    def setup(self, config: dict[str, Any]) -> None:
        self._reports = full_reports(TrialConfig.model_validate_json(config[TRIAL_KEY]))

    @override
    def step(self) -> dict[str, Any]:
        return {REPORT_KEY: json.dumps(asdict(next(self._reports)))}

    @override
    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


def _stock_trial(spec: SweepSpec) -> type[tune.Trainable]:
    """Give the same for Ray's own searcher and scheduler, which see one score."""
    plain = TrialConfig(number=0, model=spec.model, data=spec.data, training=spec.trial)

    class StockTrial(MadeTrial):
        @override
        def setup(self, config: dict[str, Any]) -> None:
            point = spec.space.draw(Given(config))
            self._reports = full_reports(plain.model_copy(update=vars(settings_of(point))))

        @override
        def step(self) -> dict[str, Any]:
            report = next(self._reports)
            scores = result_of(report, iteration=report.step, score=lambda metrics: sum(metrics.values()))
            return {**report.metrics, **scores, "done": report.step == plain.training.steps}

    return StockTrial


def ours(spec: SweepSpec, cluster: Cluster, folder: Path) -> Saving:
    """Run a sweep of ours."""
    hub, guard = start(spec, folder), StorageGuard(folder)
    searcher = HubSearcher(hub, checkpoint_place(spec, folder), guard)
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
        tune.with_resources(_stock_trial(spec), needs),
        tune_config=tune.TuneConfig(
            search_alg=make_searcher(spec, seed=0),
            scheduler=make_scheduler(spec, eta=4),
            num_samples=spec.search.trials,
            max_concurrent_trials=spec.search.concurrency,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(name="stock", storage_path=str(folder), verbose=0),
    )
    found: list[Any] = []
    try:
        watch = _timed(lambda: found.append(tuner.fit()))
    finally:
        os.environ.update({name: value for name, value in kept.items() if value is not None})
    return Saving(len(found[0]), watch.total_s(LOOP), watch.total_s(RAY), 0.0)


def _timed(run: Callable[[], object]) -> Stopwatch:
    watch = Stopwatch(time.monotonic)
    with watch.watching((*RAYS_OWN, *SAVING)):
        run()
    return watch


def saving(spec: SweepSpec, folder: Path) -> tuple[Saving, Saving]:
    """Run both in one Ray, ours first."""
    for module in (__name__, full_reports.__module__, Given.__module__):
        cloudpickle.register_pickle_by_value(sys.modules[module])
    with connected_ray(spec) as cluster:
        return ours(spec, cluster, folder / "ours"), stock(spec, folder)
