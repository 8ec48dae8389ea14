"""What a report says to the pruners, and where the study keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

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
        seconds: Since the attempt started.

    """

    values: tuple[float, ...]
    exposure: Vector
    seconds: float


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

    @classmethod
    def of(cls, report: TrialReport, values: tuple[float, ...]) -> Self:
        """Give a trial's own report, with its objectives, as the record holds it."""
        return cls(values, report.exposure, report.progress, report.seconds, report.metrics)

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


def attempt_of(attrs: Mapping[str, Any]) -> int:
    """Give the number of a trial's last attempt, from 0."""
    return int(attrs.get("attempt", 0))


def report_key(attempt: int, step: int | str) -> str:
    """Name the user attribute that holds what decisions need of one report."""
    return f"report:{attempt}:{step}"


def report_cell(measured: Measured) -> Mapping[str, Any]:
    """Give a report as its user attribute holds it."""
    return {"values": measured.values, "exposure": measured.exposure, "seconds": measured.seconds}


def measured_by_step(attrs: Mapping[str, Any], attempt: int) -> dict[int, Measured]:
    """Give what a trial's user attributes hold of the reports of one attempt, by step, in order."""
    prefix = report_key(attempt, "")
    cells = {int(key.removeprefix(prefix)): cell for key, cell in attrs.items() if key.startswith(prefix)}
    return {
        step: Measured(tuple(cell["values"]), tuple(cell["exposure"]), float(cell["seconds"]))
        for step, cell in sorted(cells.items())
    }
