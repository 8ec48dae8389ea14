"""What must hold of every sweep's folder."""

from __future__ import annotations

import math
from pathlib import Path

import duckdb
import pandas as pd
from optuna.trial import TrialState

from results import last_reports, read_items, read_sweep, read_sweep_json
from search.study import open_studies
from spaces import METRICS


def study_trials(folder: Path) -> list[tuple[int, str]]:
    """Give number and state of every trial that Optuna holds."""
    study = open_studies(folder, storage=None, directions=["maximize", "maximize"]).main
    return [(trial.number, trial.state.name) for trial in study.get_trials()]


def recorded_trials(folder: Path) -> list[tuple[int, str]]:
    """Give number and state of every trial of the record, as DuckDB reads it."""
    return duckdb.sql(f"SELECT trial, state FROM '{folder}/trials/*.parquet' ORDER BY trial").fetchall()


def check_sweep(folder: Path, *, trials: int) -> None:
    """Check that no trial is lost, none is there twice, record and study agree, and answers add up to the scores.

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
    check_answers(folder)


def check_answers(folder: Path) -> None:
    """Check that just the completed trials have answers, each item once, that add up to the reported scores.

    Raises:
        AssertionError: If not.

    """
    tables, items = read_sweep(folder), read_items(folder)
    rows = pd.read_parquet(folder / "predictions")  # as others read it, repetitions included
    keys = ["trial", "attempt", "step", "item"]
    assert not rows.duplicated(keys).any() and rows["run"].isna().all() and set(rows["split"]) <= {"search"}
    assert set(rows["item"]) <= set(items.loc[items["split"] == "search", "item"])
    complete = tables.trials.loc[tables.trials["state"] == "COMPLETE"]
    assert set(rows["trial"]) == set(complete["trial"])
    last = last_reports(tables.reports)
    for trial, own in rows.groupby("trial"):
        assert set(own["step"]) == {last.loc[trial, "step"]} and set(own["attempt"]) == {last.loc[trial, "attempt"]}
        for metric in set(METRICS) - {"text.bleu", "text.chrf"}:
            score, weight = own[f"score.{metric}"].sum(), own[f"weight.{metric}"].sum()
            reported = last.loc[trial, f"metric.{metric}"]
            if not weight:
                assert math.isnan(reported), metric
                continue
            ratio = math.exp(score / weight) if metric == "text.perplexity" else score / weight
            assert math.isclose(ratio, reported, rel_tol=1e-9, abs_tol=1e-9), metric
