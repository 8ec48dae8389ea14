"""What must hold of every sweep's folder."""

from __future__ import annotations

from pathlib import Path

import duckdb
from optuna.trial import TrialState

from results import read_sweep_json
from search.study import open_studies


def study_trials(folder: Path) -> list[tuple[int, str]]:
    """Give number and state of every trial that Optuna holds."""
    study = open_studies(folder, storage=None, directions=["maximize", "maximize"]).main
    return [(trial.number, trial.state.name) for trial in study.get_trials()]


def recorded_trials(folder: Path) -> list[tuple[int, str]]:
    """Give number and state of every trial of the record, as DuckDB reads it."""
    return duckdb.sql(f"SELECT trial, state FROM '{folder}/trials/*.parquet' ORDER BY trial").fetchall()


def check_sweep(folder: Path, *, trials: int) -> None:
    """Check that no trial is lost, none is there twice, and record and study agree.

    Raises:
        AssertionError: If not.

    """
    recorded = recorded_trials(folder)
    assert [number for number, _ in recorded] == list(range(trials))
    assert recorded == study_trials(folder)
    study = open_studies(folder, storage=None, directions=["maximize", "maximize"]).main
    names = ", ".join(f'"metric.{objective.name}"' for objective in read_sweep_json(folder).columns.objectives)
    for trial in study.get_trials():
        reports = duckdb.sql(
            f"""SELECT step, {names} FROM '{folder}/reports/*.parquet' AS r
                WHERE trial = {trial.number} AND attempt = (
                    SELECT max(attempt) FROM '{folder}/reports/*.parquet' WHERE trial = {trial.number})
                ORDER BY step"""
        ).fetchall()
        steps = [row[0] for row in reports]
        assert steps == sorted(set(steps)), f"trial {trial.number} reported a step twice in one attempt"
        attempt = trial.user_attrs["attempt"]
        for step, *values in reports:
            assert trial.user_attrs[f"report:{attempt}:{step}"]["values"] == values
        if trial.state == TrialState.COMPLETE:
            assert trial.values == list(reports[-1][1:])
            assert steps == [1, 2, 3, 4]
        else:
            assert trial.values is None
