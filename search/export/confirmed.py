"""What ``paretune confirm`` measured of a trial, on rows that the search did not see."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

_SCORE = "metric."


@dataclass(frozen=True)
class Confirmed:
    """The finished confirmation runs of one split.

    Attributes:
        split: ``confirm`` or ``test``.
        runs: Number of them.
        scores: By name; of every run.

    """

    split: str
    runs: int
    scores: Mapping[str, Sequence[float]]

    def text(self, name: str) -> str:
        """Write a score's mean, and its deviation over the runs where there are several."""
        values = self.scores.get(name, ())
        if not values:
            return "–"
        spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
        return f"{statistics.fmean(values):.3f}{spread}"


def confirmed_scores(confirmations: pd.DataFrame, trial: int) -> tuple[Confirmed, ...]:
    """Put the confirmation runs of a trial together.

    Args:
        confirmations: Of the sweep's record.
        trial: Its number.

    Returns:
        One entry for each split that has a finished run, ``confirm`` first.

    """
    rows = confirmations.to_dict("records")
    own = [row for row in rows if row["trial"] == trial and row["state"] == "COMPLETE"]
    return tuple(
        Confirmed(split, len(done), _scores(done))
        for split in ("confirm", "test")
        if (done := [row for row in own if row["split"] == split])
    )


def _scores(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if str(name).startswith(_SCORE) and pd.notna(value):
                scores.setdefault(str(name).removeprefix(_SCORE), []).append(float(value))
    return scores
