"""Computes all statistics of a sweep from its record."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from results.attainment import attainment_of, hypervolume_band, knee_frequency
from results.bootstrap import RowTable
from results.fairness import box_scores_of
from results.findings import Finding, Findings, FrontStops, Importance
from results.membership import membership_of
from results.preferences import preferences_of
from results.pruning_savings import pruning_findings, seed_of
from results.reader import SweepTables, read_items, read_predictions
from results.replicates import contenders, replicate
from results.seeds import seed_noise
from results.shrinkage import shrinkage_of
from results.slices import SLICED_SCORES, compare_slices, slice_trials
from results.strategies import compare_strategies
from results.summary import Summary

_KEYS = ("trial", "run", "attempt", "step", "split", "item")
_Result = TypeVar("_Result")
_NO_BASELINE = "no baseline has completed, and the reference point comes from it"
_NOT_GIVEN = "it was not asked for"


def find(
    summary: Summary,
    tables: SweepTables,
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    importance: Importance | str = _NOT_GIVEN,
    front_stops: FrontStops | str = _NOT_GIVEN,
) -> Findings:
    """Compute all statistics; never fails for want of data.

    Deterministic: each statistic has a generator of its own, seeded from the sweep's seed.

    Args:
        summary: Of the same sweep.
        tables: The sweep's record.
        items: Rows of the splits, as ``read_items`` gives them; may be empty.
        predictions: At least those that ``read_rows`` gives; may be empty.
        importance: From ``search.importance``, which knows Optuna, or why there is none.
        front_stops: From ``search.replay``, which knows the pruner, or why there is none.

    """
    unknown: dict[Finding, str] = {}
    rows_rng, slices_rng, strategies_rng, shrinkage_rng = (
        np.random.default_rng([seed_of(summary.metadata), place]) for place in range(4)
    )
    table = RowTable(predictions, items, split="search")
    confirmed = RowTable(predictions, items, split="confirm")
    rows = {"search": table, "confirm": confirmed}
    noise = seed_noise(tables.trials, tables.confirmations, summary.objectives, rows=rows)
    drawn = replicate(summary, table, seeds=noise, rng=rows_rng)
    replicates = None if isinstance(drawn, str) else drawn
    unknown |= _unknown_draws(summary, drawn if isinstance(drawn, str) else "")
    preferences = preferences_of(summary, replicates)
    if not preferences:
        unknown["preferences"] = "there is one objective" if len(summary.objectives) < 2 else "no trial has completed"
    box_scores = box_scores_of(summary, tables)
    if not box_scores:
        unknown["box_scores"] = "no completed trial reported a box score"
    pruning = pruning_findings(summary, tables, front_stops=_known(unknown, "front_stops", front_stops))
    if not pruning.crossing:
        unknown["crossing"] = "fewer than two trials completed after an earlier report"
    shown = slice_trials(summary, [one.trial for one in preferences if one.trial is not None])
    strategies = compare_strategies(summary, tables, rng=strategies_rng)
    slices = compare_slices(summary, table, trials=shown, rng=slices_rng)
    shrinkage = shrinkage_of(summary, tables, items, predictions, rng=shrinkage_rng)
    return Findings(
        objectives=summary.objectives,
        evidence=None if replicates is None else replicates.evidence,
        membership=None if replicates is None else membership_of(replicates),
        hypervolume=None if replicates is None or "hypervolume" in unknown else hypervolume_band(summary, replicates),
        attainment=None if replicates is None or "attainment" in unknown else attainment_of(replicates),
        knee=None if replicates is None or "knee" in unknown else knee_frequency(summary, replicates),
        preferences=preferences,
        importance=_known(unknown, "importance", importance),
        strategies=_known(unknown, "strategies", strategies),
        slices=_known(unknown, "slices", slices),
        box_scores=box_scores,
        pruning=pruning,
        shrinkage=_known(unknown, "shrinkage", shrinkage),
        unknown=unknown,
    )


def read_rows(folder: Path, summary: Summary, tables: SweepTables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the examples of a sweep, and those answers to them that ``find`` uses, and no others.

    Args:
        folder: Of the sweep.
        summary: Of the sweep.
        tables: The sweep's record.

    Returns:
        Items and predictions.

    Raises:
        ResultsError: If a part is damaged or by a newer paretune.

    """
    confirmed = {int(trial) for trial in tables.confirmations["trial"]}
    wanted = [*(objective.name for objective in summary.objectives), *SLICED_SCORES]
    names = [name for name in dict.fromkeys(wanted) if name in tables.columns.row_scores]
    columns = [*_KEYS, *(f"{kind}.{name}" for kind in ("score", "weight") for name in names)]
    return read_items(folder), read_predictions(folder, {*contenders(summary), *confirmed}, columns=columns)


def _unknown_draws(summary: Summary, reason: str) -> dict[Finding, str]:
    """Say which findings from replicates are absent, and why."""
    if reason:
        found: dict[Finding, str] = dict.fromkeys(("membership", "hypervolume", "attainment", "knee"), reason)
        return found
    found = {}
    if summary.reference is None:
        found["hypervolume"] = _NO_BASELINE
    if len(summary.objectives) != 2:
        found |= dict.fromkeys(
            ("attainment", "knee"), f"it needs two objectives; there {_are(len(summary.objectives))}"
        )
    return found


def _are(count: int) -> str:
    return "is one" if count == 1 else f"are {count}"


def _known(unknown: dict[Finding, str], finding: Finding, result: _Result | str) -> _Result | None:
    """Note the reason where a finding is one, and give the finding otherwise."""
    if isinstance(result, str):
        unknown[finding] = result
        return None
    return result
