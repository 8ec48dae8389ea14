"""What a worker and the driver tell each other through Ray."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trainable.report import TrialReport, plain_report, report_from

TRIAL_KEY, CHECKPOINT_KEY = "trial", "checkpoint"
"""What a trial is told: its config, and the place of its checkpoint, if any; both as JSON."""

REPORT_KEY, PREDICTIONS_KEY, ENDING_KEY = "paretune_report", "paretune_predictions", "paretune_ending"
"""What it says: a report as JSON, and beside the last one its predictions; or why it ended without one."""

STEP_KEY = "paretune_step"
"""What a confirmation run says between its reports: the step that it has reached."""


def report_result(report: TrialReport) -> dict[str, str]:
    """Give a report as a Ray result."""
    plain, predictions = plain_report(report)
    result = {REPORT_KEY: json.dumps(plain)}
    return result if predictions is None else {**result, PREDICTIONS_KEY: json.dumps(predictions)}


def report_of(result: Mapping[str, Any]) -> TrialReport:
    """Read the report, with its predictions, out of a Ray result."""
    predictions = result.get(PREDICTIONS_KEY)
    return report_from(json.loads(result[REPORT_KEY]), json.loads(predictions) if predictions else None)


def ending_of(result: Mapping[str, Any]) -> str:
    """Read the reason of a failure out of a Ray result."""
    return result[ENDING_KEY]
