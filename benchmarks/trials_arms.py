"""What Ray Tune runs in each arm of benchmarks/trials.py, and the marks that its workers leave.

A process's CPU seconds are those of ``os.times``: user and system, its own and of children that it has waited for, from
its very start, imports included.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from ray import tune
from trials_baseline import Outcome, train_and_score
from trials_costs import MARK_KEY, Mark
from trials_recorded import noted_losses, train_and_score_warm
from trials_shape import Shape, made, trial_config
from typing_extensions import override

from spaces import TrialConfig
from trainable.host import host_for
from trainable.messages import ENDING_KEY, TRIAL_KEY, report_of
from trainable.model.tiny import TINY_NAME
from trainable.ray_entry import RayTrial


def fresh(given: dict[str, Any]) -> None:
    """Run a baseline trial; Ray gives each call a process of its own."""
    torch.set_num_threads(1)
    config = TrialConfig.model_validate_json(given[TRIAL_KEY])
    tune.report(_marked(config.number, train_and_score(config)))


class Reused(tune.Trainable):
    """The same in a process that runs one trial after another: only the start and the imports are shared."""

    @override
    def setup(self, config: dict[str, Any]) -> None:
        torch.set_num_threads(1)
        self._config = TrialConfig.model_validate_json(config[TRIAL_KEY])

    @override
    def step(self) -> dict[str, Any]:
        return _marked(self._config.number, train_and_score(self._config))

    @override
    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True


class Warm(RayTrial):
    """What paretune's sweeps run, with a mark."""

    @override
    def step(self) -> dict[str, Any]:
        with noted_losses() as losses:
            result = super().step()
        if ENDING_KEY in result:
            raise RuntimeError(result[ENDING_KEY])
        return _marked(self._config.number, Outcome(losses, dict(report_of(result).metrics)))


def rehearse() -> None:
    """Run the shortest trial of both kinds, so that all modules are imported once."""
    with tempfile.TemporaryDirectory() as folder:
        shape = Shape(steps=1, batch=1, eval_rows=2, max_new_tokens=4)
        config = trial_config(0, made(TINY_NAME, Path(folder)), shape)
        train_and_score(config)
        train_and_score_warm(config, host_for(config.model, config.data))


def _marked(number: int, outcome: Outcome) -> dict[str, Any]:
    mark = Mark(number, os.getpid(), sum(os.times()[:4]), time.monotonic(), outcome)
    return {MARK_KEY: json.dumps(asdict(mark))}
