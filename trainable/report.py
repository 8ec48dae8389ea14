"""What a trial tells the driver at a rung."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from trainable.evaluation.prediction import Prediction, plain_predictions, predictions_from


@dataclass(frozen=True)
class TrialReport:
    """Scores and losses after some steps of one trial.

    Attributes:
        step: Optimizer steps done.
        progress: The same as a share of all steps, in (0, 1].
        seconds: Wall time since the trial started, evaluation included.
        metrics: Scores by the names of ``spaces.metrics``, and ``teacher_forced.<term>`` means on the scored rows.
        losses: Mean of each used loss term over its own positions since the last report; absent if it had none.
        weights: What multiplied every loss term in the last step, schedule, weighting and scale included.
        weighted: Mean over the steps since the last report of what each used term added to the loss.
        exposure: Share of the signal planned for each task that the trial has had, in [0, 1], by task.
        predictions: The answers behind the scores, at the last step alone.

    """

    step: int
    progress: float
    seconds: float
    metrics: Mapping[str, float]
    losses: Mapping[str, float]
    weights: Mapping[str, float]
    weighted: Mapping[str, float]
    exposure: Mapping[str, float]
    predictions: tuple[Prediction, ...] = ()


def plain_report(report: TrialReport) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Give a report as plain values, and its predictions as ``plain_predictions`` gives them, if it has any."""
    names = [field.name for field in fields(report) if field.name != "predictions"]
    cells = {name: getattr(report, name) for name in names}
    whole = {name: dict(cell) if isinstance(cell, Mapping) else cell for name, cell in cells.items()}
    return whole, plain_predictions(report.predictions) if report.predictions else None


def report_from(plain: Mapping[str, Any], predictions: Mapping[str, Any] | None) -> TrialReport:
    """Read what ``plain_report`` gave."""
    return TrialReport(**plain, predictions=predictions_from(predictions) if predictions else ())
