"""Which rows support which score."""

from __future__ import annotations

from trainable.data.records import Record

_FEWEST_PEOPLE = 3


def is_applicable(metric: str, record: Record) -> bool:
    """Say whether a row supports a score.

    Args:
        metric: A name of ``spaces.metrics``.
        record: Of the rows that are scored.

    """
    task = metric.split(".", maxsplit=1)[0]
    if metric == "text.vqa_accuracy":
        return record.task == "text" and len(record.references) >= _FEWEST_PEOPLE
    return record.task == task
