"""What stops a trial whatever the pruner says: nothing that it could still show is worth its time."""

from __future__ import annotations

from collections.abc import Sequence

from trainable.report import TrialReport

_PARSE_FAILURE_RATE = "grounding.parse_failure_rate"
_MOST_FAILURES = 0.95
_EXPOSURE = 0.5


def parse_failure_stop(report: TrialReport, *, metrics: Sequence[str]) -> str | None:
    """Tell why a trial is stopped whose answers hold no boxes although it has had most of its grounding.

    Args:
        report: Of a step before the last.
        metrics: The objectives; without a grounding score among them, boxes do not matter.

    Returns:
        The reason, or ``None`` to go on.

    """
    rate, exposure = report.metrics.get(_PARSE_FAILURE_RATE, 0.0), report.exposure.get("grounding", report.progress)
    if not any(metric.startswith("grounding.") for metric in metrics):
        return None
    if not (rate > _MOST_FAILURES and exposure > _EXPOSURE):
        return None
    return f"hard stop: {rate:.0%} of the answers have no box after {exposure:.0%} of the grounding"
