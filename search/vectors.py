"""What a report says to the pruners, and where the study keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from search.pruners import Vector
from trainable.report import TrialReport

CONSTRAINED_KEY = "constrained"
"""User attribute that holds the final constrained scores of a completed trial."""


@dataclass(frozen=True)
class Measured:
    """The part of a report that decisions depend on.

    Attributes:
        values: The objectives as they were measured.
        exposure: For each objective, the share of its task's planned signal that the trial has had.

    """

    values: tuple[float, ...]
    exposure: Vector


@dataclass(frozen=True)
class RecordedReport:
    """A report as the record holds it.

    Attributes:
        values: The objectives as they were measured.
        exposure: Share of the signal planned for each task that the trial has had, by task.
        progress: Share of the steps done.
        seconds: Since the attempt started.
        scores: All scores of the report, by name.

    """

    values: tuple[float, ...]
    exposure: Mapping[str, float]
    progress: float
    seconds: float
    scores: Mapping[str, float]

    def as_report(self, step: int) -> TrialReport:
        """Give the part of the trial's own report that decisions depend on."""
        return TrialReport(step, self.progress, self.seconds, self.scores, {}, {}, {}, self.exposure)


def exposure_of(exposure: Mapping[str, float], progress: float, *, metrics: Sequence[str], weighting: object) -> Vector:
    """Give a trial's exposure for each objective.

    It is that of the task that the score belongs to, as planned. A weighting that moves the weights in reaction to
    the losses can't be planned, so a trial with one counts by its progress.

    Args:
        exposure: As reported, by task.
        progress: Share of the steps done.
        metrics: The objectives' scores, such as ``grounding.miou``.
        weighting: Name of the trial's weighting.

    """
    if weighting != "static":
        return (progress,) * len(metrics)
    return tuple(exposure.get(metric.partition(".")[0], progress) for metric in metrics)


def attempt_of(trial: FrozenTrial) -> int:
    """Give the number of a trial's last attempt, from 0."""
    return int(trial.user_attrs.get("attempt", 0))


def vector_key(attempt: int, step: int | str) -> str:
    """Name the user attribute that holds the objectives of one report."""
    return f"vector:{attempt}:{step}"


def exposure_key(attempt: int, step: int | str) -> str:
    """Name the user attribute that holds the exposures of one report."""
    return f"exposure:{attempt}:{step}"


def measured_by_step(trial: FrozenTrial, attempt: int, *, steps: int) -> dict[int, Measured]:
    """Give what the study holds of the reports of one attempt, by step.

    Args:
        trial: Of the study.
        attempt: From 0.
        steps: Of a whole trial; a report without exposures, as earlier versions wrote them, counts by its progress.

    """
    prefix, attrs = vector_key(attempt, ""), trial.user_attrs
    found: dict[int, Measured] = {}
    for step in [int(key.removeprefix(prefix)) for key in attrs if key.startswith(prefix)]:
        values = tuple(attrs[vector_key(attempt, step)])
        exposure = attrs.get(exposure_key(attempt, step), (step / steps,) * len(values))
        found[step] = Measured(values, tuple(exposure))
    return found
