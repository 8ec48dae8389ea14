"""A trial and its reports as Ray's logger callbacks take them: flat parameters, numbers by name."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.recorder import Ending
from spaces import SearchSpace, TrialConfig, leaves
from trainable.report import TrialReport

SUSPENDED = "SUSPENDED"
"""What loggers call a trial that is neither running nor at its end: ``resume`` goes on with it."""


@dataclass(eq=False)
class LoggedTrial:
    """Stands in for Ray's trial, which knows neither parameters nor endings, and whose id changes when it goes on.

    Attributes:
        name: Of the run, such as ``trial-00003``; a trial that starts anew is a run of its own.
        trial_id: Of the run, the same after ``resume`` and different in every sweep.
        config: Its parameters by key, without those that play no part, with its number and its seed.
        experiment_dir_name: Of the sweep.
        local_path: Where a logger writes files.
        checkpoint: Always ``None``: loggers are shown no weights.
        ending: Of a trial that ended.

    """

    name: str
    trial_id: str
    config: Mapping[str, Any]
    experiment_dir_name: str
    local_path: str
    checkpoint: None = None
    ending: Ending | None = field(default=None)

    @property
    def evaluated_params(self) -> dict[str, Any]:
        """What Ray's TensorBoard callback takes for the hyperparameters."""
        return dict(self.config)

    @property
    def state(self) -> str:
        """How it ended, or that it is suspended."""
        return self.ending.state if self.ending else SUSPENDED

    @property
    def reason(self) -> str:
        """Why it ended so."""
        return self.ending.reason if self.ending else "the sweep stopped; resume goes on"

    def init_local_path(self) -> None:
        """Make the folder for files."""
        Path(self.local_path).mkdir(parents=True, exist_ok=True)

    def __str__(self) -> str:
        return self.name


def params_of(config: TrialConfig, space: SearchSpace) -> dict[str, Any]:
    """Give the parameters of a trial that play a part, by key, as ``param.<key>`` in the record."""
    point: dict[str, Any] = {key: functools.reduce(getattr, key.split("."), config) for key in leaves()}
    return {key: value for key, value in space.used(point).items() if value is not None}


def result_of(report: TrialReport) -> dict[str, Any]:
    """Give a report as Ray's callbacks take results: they name numbers ``metric/grounding.miou``, ``loss/box_ce``."""
    return {
        "training_iteration": report.step,
        "progress": report.progress,
        "seconds": report.seconds,
        "metric": dict(report.metrics),
        "loss": dict(report.losses),
        "weight": dict(report.weights),
        "weighted": dict(report.weighted),
        "exposure": dict(report.exposure),
    }
