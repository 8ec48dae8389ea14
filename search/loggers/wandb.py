"""Weights & Biases: one run for each trial, grouped by sweep; offline ones in ``wandb`` in the sweep's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ray
import wandb
from ray.air.integrations.wandb import WandbLoggerCallback, _QueueItem, _WandbLoggingActor
from ray.air.util.node import _force_on_current_node
from typing_extensions import override

_ENDING_KEY = "ending"
_EXIT_CODES = {"COMPLETE": 0, "PRUNED": 255, "FAIL": 1, "SUSPENDED": 255}
"""Weights & Biases calls a run with 0 finished, with 255 killed, with another code failed."""


class _LoggingActor(_WandbLoggingActor):
    """Ray's logging process of one run, which also tells how the trial ended; Ray's calls every run finished."""

    @override
    def run(self) -> None:
        run = self._wandb.init(*self.args, **self.kwargs)
        while True:
            kind, content = self.queue.get()
            if kind == _QueueItem.END:
                run.finish(exit_code=content)
                return
            if _ENDING_KEY in content:
                run.summary.update(content[_ENDING_KEY])
                continue
            log, _ = self._handle_result(content)
            run.log(log, step=log["training_iteration"])


class WandbLogger(WandbLoggerCallback):
    """Ray's callback, one process for each run; a process that fails is heard of, and is not started for ever."""

    _logger_actor_cls = _LoggingActor

    def __init__(self, folder: Path, *, patience_s: float) -> None:
        super().__init__(
            project=os.environ.get("WANDB_PROJECT") or os.environ.get("WANDB_PROJECT_NAME") or "paretune",
            group=folder.name,
            upload_timeout=int(patience_s),
            dir=str(folder),
            resume="allow",
            settings=wandb.Settings(console="off", silent=True),
        )
        self._folder = folder

    @override
    def setup(self, *args: Any, **kwargs: Any) -> None:
        """Take the user's settings along to a cluster; the key was looked for before the sweep began."""
        variables = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
        self._remote_logger_class = ray.remote(
            num_cpus=0, runtime_env={"env_vars": variables}, **_force_on_current_node()
        )(self._logger_actor_cls)

    @override
    def log_trial_start(self, trial: Any) -> None:
        trial.local_path = str(self._folder)
        super().log_trial_start(trial)

    @override
    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        ending = {"state": trial.state, "reason": trial.reason}
        self._trial_queues[trial].put((_QueueItem.RESULT, {_ENDING_KEY: ending}))
        self._trial_queues[trial].put((_QueueItem.END, _EXIT_CODES[trial.state]))
        self._cleanup_logging_actors()

    @override
    def _cleanup_logging_actor(self, trial: Any) -> None:
        future = self._trial_logging_futures[trial]
        super()._cleanup_logging_actor(trial)
        done, _ = ray.wait([future], timeout=0)
        if done:
            ray.get(future)  # raises what the process raised; Ray's callback never looks
