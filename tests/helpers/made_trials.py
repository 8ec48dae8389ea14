"""Short trials on drawn scenes and the embedded tiny base, without Ray."""

from __future__ import annotations

import itertools
from typing import Any

from spaces import DataConfig, ModelConfig, TrialConfig
from trainable.host import Host
from trainable.report import TrialReport
from trainable.trial import Trial

DATA = DataConfig.model_validate(
    {"sources": [{"source": "shapes", "domain": "shifted", "scenes": 24}], "search_share": 0.4}
)


def config_of(**parts: Any) -> TrialConfig:
    """Give a trial of six steps that reports three times; ``training`` sets some of its keys alone."""
    training = {"steps": 6, "rungs": (2, 4), "batch": 4, "rung_rows": 8, "final_rows": 12, "seed": 3}
    training |= parts.pop("training", {})
    return TrialConfig.model_validate(
        {"number": 1, "model": ModelConfig(), "data": DATA, "training": training, **parts}
    )


def run(config: TrialConfig, host: Host) -> list[TrialReport]:
    """Run a trial to its end, by a clock that ticks once a look."""
    ticks = itertools.count()
    trial = Trial(config, host, clock=lambda: float(next(ticks)))
    reports = []
    try:
        while not trial.is_finished:
            reports.append(trial.advance())
    finally:
        trial.close()
    return reports
