"""What a finished sweep holds, to be compared with another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from results import read_sweep
from search.study import open_studies

_TIMES = {"started", "ended", "recorded", "seconds"}
_KEPT = ("attempt", "constrained", "exposure:", "reason", "vector:")
"""Beginnings of the user attributes that decisions depend on; others say when a trial ran and what it went through."""


@dataclass(frozen=True)
class Outcome:
    """A sweep without its times.

    Attributes:
        trials: Rows in order of ending, with parameters and final values.
        decisions: Rows in order of arrival.
        reports: Rows in order of arrival, with all scores and losses.
        study: Number, state, values, parameters and user attributes of every trial of the Optuna study.
        curves: State and points of every trial's curve in the companion study.

    """

    trials: pd.DataFrame
    decisions: pd.DataFrame
    reports: pd.DataFrame
    study: list[tuple[Any, ...]]
    curves: dict[int, tuple[str, dict[int, float]]]


def outcome_of(folder: Path) -> Outcome:
    """Read a finished sweep.

    Raises:
        AssertionError: If a trial or a report stands twice in its record.

    """
    tables = read_sweep(folder)
    decisions = tables.decisions.loc[tables.decisions["verdict"] != "REQUEUE"]
    for rows, key in (
        (tables.trials, ["trial"]),
        (tables.reports, ["trial", "attempt", "step"]),
        (decisions, ["trial", "attempt", "step"]),
    ):
        assert not rows.duplicated(key).any(), (
            f"{folder}: rows stand twice:\n{rows.loc[rows.duplicated(key, keep=False)]}"
        )
    directions = [objective.direction for objective in tables.columns.objectives]
    studies = open_studies(folder, storage=None, directions=directions)
    return Outcome(
        trials=_timeless(tables.trials),
        decisions=_timeless(decisions)[["trial", "attempt", "step", "verdict", "pruner", "reason"]],
        reports=_timeless(tables.reports),
        study=[
            (trial.number, trial.state.name, trial.values, trial.params, _kept(trial.user_attrs))
            for trial in studies.main.get_trials()
        ],
        curves={
            trial.user_attrs["trial"]: (trial.state.name, trial.intermediate_values)
            for trial in studies.companion.get_trials()
            if trial.state.name != "FAIL"
        },
    )


def _timeless(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=[name for name in rows.columns if name in _TIMES]).reset_index(drop=True)


def _kept(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attrs.items() if key.startswith(_KEPT)}


def check_same(found: Outcome, wanted: Outcome) -> None:
    """Check that two sweeps made the same trials, decisions and scores, bit for bit and in the same order.

    Raises:
        AssertionError: If not.

    """
    for name in ("trials", "decisions", "reports"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(wanted, name), check_exact=True, obj=name)
    assert found.study == wanted.study
    assert found.curves == wanted.curves
