"""The checkpoint of one attempt at a trial: the state after its last report, with that report."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from spaces.trial import TrialConfig
from trainable.checkpoints.place import CheckpointPlace
from trainable.checkpoints.state import UNREADABLE, packed, unpacked
from trainable.report import TrialReport, plain_report, report_from

_log = logging.getLogger(__name__)


def read_attempt(place: CheckpointPlace | None, config: TrialConfig) -> tuple[TrialReport, Mapping[str, Any]] | None:
    """Give the report and the state that an interrupted attempt left; ``None`` if its steps must be trained again.

    The report may not have reached the driver.
    """
    if place is None or not config.from_step:
        return None
    try:
        saved = unpacked(place.open().read(config.number))
        if saved["attempt"] != config.attempt:
            return None
        return report_from(saved["report"], saved.get("predictions")), saved["trial"]
    except (OSError, *UNREADABLE) as error:
        _log.warning("trial %d starts again, its checkpoint can't be read: %s", config.number, error)
        return None


def write_attempt(
    place: CheckpointPlace | None, config: TrialConfig, report: TrialReport, state: Mapping[str, Any]
) -> None:
    """Write the state after a report, before the driver hears the report; the last one, too, for what comes later.

    A trial whose state can't be written goes on without: an interruption then costs it the steps again.
    """
    if place is None:
        return
    plain, predictions = plain_report(report)
    saved = {"attempt": config.attempt, "report": plain, "predictions": predictions, "trial": state}
    try:
        place.open().write(config.number, packed(saved))
    except OSError as error:
        _log.warning("trial %d goes on without a checkpoint: %s", config.number, error)
