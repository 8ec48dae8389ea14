"""Computes all statistics of a sweep from its record."""

from __future__ import annotations

import pandas as pd

from results.findings import Findings, FrontStops, Importance
from results.reader import SweepTables
from results.summary import Summary


def find(
    summary: Summary,
    tables: SweepTables,
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    importance: Importance | None = None,
    front_stops: FrontStops | None = None,
) -> Findings:
    """Compute all statistics; never fails for want of data.

    Deterministic: the generator is seeded from the sweep's own seed.

    Args:
        summary: Of the same sweep.
        tables: The sweep's record.
        items: Rows of the splits, as ``read_items`` gives them; may be empty.
        predictions: At least those that ``wanted_predictions`` names, as ``read_predictions`` gives them; may be empty.
        importance: From ``search.importance.importance_of``, which knows Optuna.
        front_stops: From ``search.replay.replay_moasha``, which knows the pruner.

    """
    raise NotImplementedError


def wanted_predictions(summary: Summary, tables: SweepTables) -> tuple[list[int], list[str]]:
    """Name the predictions that ``find`` uses, so that a reader of a large sweep need not load the others.

    Returns:
        Numbers of the trials, and names of the columns.

    """
    raise NotImplementedError
