"""Made-up landscapes for simulated sweeps: what trials of given settings would report, and how good they truly are.

Grounding and text each rise from the base's score to a final one as the task's exposure grows, at a speed of the
trial's own. The finals trade grounding against text by the share of grounding rows and depend on the learning rate.
Everything random is derived from the settings, so a landscape is a pure function of a config.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from spaces import TrialConfig
from trainable.data.records import Task
from trainable.exposure import planned_exposure
from trainable.report import TrialReport
from trainable.seeding import child_seed

LandscapeName = Literal["constant", "mixed", "latewin", "textdip", "stepdriven", "crossed", "intrinsic"]

OBJECTIVES = ("grounding.miou", "text.token_f1")
BASE_SCORES: Mapping[Task, float] = {"grounding": 0.05, "text": 0.25}
"""Scores without training; also the reference point of the hypervolume."""

STEP_S = 100.0
_NOISE, _CORRELATION = 0.01, 0.5
_SLOWEST, _FASTEST = 1.5, 6.0
_LATE_DRIFT = 8.0
_GAIN_OF_LATE: Mapping[Task, float] = {"grounding": 0.05, "text": 0.04}
_LATE_SHARE = 0.35
_DEEPEST_DIP = 0.2


def space_of(name: LandscapeName) -> dict[str, Any]:
    """Give the search space of a landscape, as the ``space`` of a ``SweepSpec``."""
    dimensions: dict[str, Any] = {
        "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "curriculum.mix": {"values": ("task",)},
        "curriculum.grounding_share": {"low": 0.05, "high": 0.95},
        "adapter.rank": {"values": (4, 8, 16, 32)},
    }
    if name not in ("constant", "intrinsic"):
        dimensions["curriculum.grounding_drift"] = {"values": (-_LATE_DRIFT, 0.0, _LATE_DRIFT)}
    return {"dimensions": dimensions}


@dataclass(frozen=True)
class MadeLandscape:
    """One of the landscapes.

    * ``constant``: no curriculum.
    * ``mixed``: a third each of grounding late, early and throughout, with the same finals.
    * ``latewin``: as ``mixed``, and trials that learn grounding late end higher in both objectives.
    * ``textdip``: as ``mixed``, and text falls before it recovers.
    * ``stepdriven``: as ``mixed``, but scores follow the steps: exposure is misinformation.
    * ``crossed``: as ``mixed``, and trials that learn grounding late end lower: leniency is waste.
    * ``intrinsic``: no curriculum; about a third of the trials learn late and end higher, for reasons that nothing
      reported tells.

    Attributes:
        name: As above.
        seed: Of speeds, noise and hidden traits.

    """

    name: LandscapeName
    seed: int = 0

    def finals(self, config: TrialConfig) -> tuple[float, float]:
        """Give the true final scores, grounding first; reports add noise to them."""
        return self._final("grounding", config), self._final("text", config)

    def reports(self, config: TrialConfig) -> Iterator[TrialReport]:
        """Give a trial's reports in order."""
        steps, traits = config.training.steps, self._generator(config, "traits")
        noise = self._generator(config, "noise")
        exposures = _exposures(config)
        speeds = {task: traits.uniform(_SLOWEST, _FASTEST) for task in BASE_SCORES}
        dip, errors = traits.uniform(0, _DEEPEST_DIP), dict.fromkeys(BASE_SCORES, 0.0)
        for step in config.training.report_steps:
            exposure: dict[str, float] = {task: values[step - 1] for task, values in exposures.items()}
            scores: dict[str, float] = {}
            for metric, task in zip(OBJECTIVES, BASE_SCORES, strict=True):
                known = step / steps if self.name == "stepdriven" else exposure[task]
                learnt = self._learnt(config, known, speed=speeds[task])
                score = BASE_SCORES[task] + (self._final(task, config) - BASE_SCORES[task]) * learnt
                if self.name == "textdip" and task == "text":
                    score -= 4 * dip * known * (1 - known)
                errors[task] = _CORRELATION * errors[task] + math.sqrt(1 - _CORRELATION**2) * noise.gauss(0, _NOISE)
                scores[metric] = min(max(score + errors[task], 0.0), 1.0)
            yield _report(step, steps, scores, exposure)

    def _final(self, task: Task, config: TrialConfig) -> float:
        share, rate = config.curriculum.grounding_share, math.log10(config.optimizer.learning_rate)
        own, best_rate = (share, -2.8) if task == "grounding" else (1 - share, -3.2)
        height = 0.75 if task == "grounding" else 0.7
        rank = 1 - 0.03 * abs(math.log2(config.adapter.rank) - 4)
        low = BASE_SCORES[task]
        final = low + (height - low) * own**0.35 * math.exp(-((rate - best_rate) ** 2)) * rank
        return final + self._bonus(config) * _GAIN_OF_LATE[task]

    def _bonus(self, config: TrialConfig) -> float:
        is_late = config.curriculum.grounding_drift > 0
        match self.name:
            case "latewin":
                return float(is_late)
            case "crossed":
                return -float(is_late)
            case "intrinsic":
                return float(self._is_hidden_late(config))
            case _:
                return 0.0

    def _learnt(self, config: TrialConfig, exposure: float, *, speed: float) -> float:
        """Give the share of the way from the base's score to the final one."""
        if self.name == "intrinsic" and self._is_hidden_late(config):
            start, end = (1 / (1 + math.exp(-14 * (at - 0.65))) for at in (0.0, 1.0))
            return (1 / (1 + math.exp(-14 * (exposure - 0.65))) - start) / (end - start)
        return math.expm1(-speed * exposure) / math.expm1(-speed)

    def _is_hidden_late(self, config: TrialConfig) -> bool:
        return self._generator(config, "hidden").random() < _LATE_SHARE

    def _generator(self, config: TrialConfig, use: str) -> random.Random:
        drawn = config.curriculum.grounding_share, config.curriculum.grounding_drift, config.adapter.rank
        return random.Random(child_seed(self.seed, f"{use} {config.optimizer.learning_rate} {drawn}"))


def _exposures(config: TrialConfig) -> Mapping[Task, list[float]]:
    def share(task: Task, progress: float) -> float:
        grounding = config.curriculum.task_share_at(progress)
        return grounding if task == "grounding" else 1 - grounding

    return {
        task: planned_exposure(
            task,
            optimizer=config.optimizer,
            mixture=config.mixture,
            task_share=share,
            steps=config.training.steps,
        )
        for task in BASE_SCORES
    }


def _report(step: int, steps: int, scores: dict[str, float], exposure: dict[str, float]) -> TrialReport:
    return TrialReport(
        step=step,
        progress=step / steps,
        seconds=STEP_S * step,
        metrics=scores,
        losses={},
        weights={},
        weighted={},
        exposure=exposure,
    )
