"""Reads what the parts of a sweep take out of the record of one that ran."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy.optimize import nnls

from results import SweepTables, read_sweep
from results.summary import summarise
from search.errors import PlanError
from search.planning.costs import AFTER_S, BEFORE_S, STUDY_BYTES, Costs, RecordBytes, expected_front
from search.spec import SweepSpec

_FEWEST = 2
STUDY_FILE = "study.db"
"""As in ``search.study``, which imports Optuna."""


def fitted_costs(
    folder: Path,
    spec: SweepSpec,
    *,
    before_s: float = BEFORE_S,
    after_s: float = AFTER_S,
    rows_ratio: float | None = None,
    is_measurement: bool = False,
) -> Costs:
    """Find what steps and reports take from the times of a sweep's reports.

    The time between two reports of a trial is that of the steps between them and of the later report, so that the
    three costs and what a trial takes beside them are the least squares solution without negative numbers (Lawson and
    Hanson 1974, as ``scipy.optimize.nnls``). Where all rungs are equally far apart, a step and a report can't be told
    apart by that; their sum over such a stretch is still right, which is all that a sweep of the same rungs needs. One
    more equation helps, as heavy as one observation: reports take as long as they have rows.

    The first trials, one for each that may run at a time, start their workers; the others make the means.

    Args:
        folder: Of a sweep that ran on this machine.
        spec: With which it ran.
        before_s: From the command to its first trial.
        after_s: From its last trial to the end of the command.
        rows_ratio: Rows of the last report by those of a report at a rung, if known.
        is_measurement: Whether it was run to be measured, so that it says nothing of a pruner.

    Raises:
        PlanError: If fewer than two trials ended after those that start the workers.
        ResultsError: If the folder holds no readable sweep.

    """
    tables = read_sweep(folder)
    ended = tables.trials.loc[(tables.trials["state"] != "FAIL") & (tables.trials["attempt"] == 0)]
    warm = ended.loc[ended["trial"] >= spec.search.concurrency]
    if len(warm) < _FEWEST:
        raise PlanError(
            f"{folder}: {len(warm)} trials ended after those that start the workers; expected {_FEWEST} or more"
        )
    stretches = _stretches(tables, warm["trial"], spec)
    if rows_ratio is not None and spec.trial.rungs:
        stretches = np.vstack([stretches, [0, rows_ratio, -1, 0, 0]])
    solved, _ = nnls(stretches[:, :4], stretches[:, 4])
    step_s, rung_s, final_s, made_s = (float(value) for value in solved)
    handed_s = float((_wall_s(warm) - warm["seconds"]).clip(lower=0).mean())
    trial_s = made_s + handed_s
    states, steps = np.asarray(warm["state"]), np.asarray(warm["steps"], float)
    cold = ended.loc[ended["trial"] < spec.search.concurrency]
    foreseen = pd.Series(
        [
            trial_s
            + step_s * steps_run
            + rung_s * sum(rung <= steps_run for rung in spec.trial.rungs)
            + final_s * (state == "COMPLETE")
            for steps_run, state in zip(cold["steps"], cold["state"], strict=True)
        ],
        index=cold.index,
        dtype=float,
    )
    worker_s = float((_wall_s(cold) - foreseen).clip(lower=0).mean()) if len(cold) else 0.0
    every = np.concatenate([steps, np.asarray(cold["steps"], float)])
    is_pruned = np.concatenate([states, np.asarray(cold["state"])]) == "PRUNED"
    saved = float((spec.trial.steps - every[is_pruned]).sum() / (spec.trial.steps * len(every)))
    return Costs(
        origin="measured" if is_measurement else "sweep",
        trials=len(warm),
        step_s=step_s,
        rung_s=rung_s,
        final_s=final_s,
        trial_s=trial_s,
        worker_s=worker_s,
        before_s=before_s,
        after_s=after_s,
        checkpoint_bytes=_mean_checkpoint(folder),
        record=_record_bytes(folder, tables),
        front_ratio=None if is_measurement else _front_ratio(tables),
        saved_share=None if is_measurement else saved,
    )


def _wall_s(trials: pd.DataFrame) -> pd.Series:
    return (trials["ended"] - trials["started"]).dt.total_seconds()


def _stretches(tables: SweepTables, numbers: pd.Series, spec: SweepSpec) -> np.ndarray:
    """Give one row for each time between reports: steps, reports at a rung, last reports, whether first, seconds."""
    rows: list[tuple[float, ...]] = []
    reports = tables.reports.loc[tables.reports["trial"].isin(numbers)].sort_values(["trial", "step"])
    for _, own in reports.groupby("trial"):
        step, seconds = 0, 0.0
        for at, until in zip(own["step"], own["seconds"], strict=True):
            is_last = at >= spec.trial.steps
            rows.append((at - step, float(not is_last), float(is_last), float(step == 0), until - seconds))
            step, seconds = at, until
    return np.asarray(rows, float)


def _front_ratio(tables: SweepTables) -> float | None:
    summary = summarise(tables)
    expected = expected_front(len(summary.completed))
    return len(summary.front) / expected if expected else None


def _mean_checkpoint(folder: Path) -> float | None:
    sizes = [path.stat().st_size for path in (folder / "checkpoints").glob("trial-*.pt")]
    return float(np.mean(sizes)) if sizes else None


def _record_bytes(folder: Path, tables: SweepTables) -> RecordBytes:
    assumed = RecordBytes()
    file = folder / STUDY_FILE
    has_study = file.exists() and not (folder / f"{STUDY_FILE}-wal").exists()  # else the log holds a part of it
    study = max(file.stat().st_size - STUDY_BYTES, 0) if has_study else 0
    found = {
        "trial": _per_row(folder / "trials", len(tables.trials), assumed.trial),
        "report": _per_row(folder / "reports", len(tables.reports), assumed.report),
        "decision": _per_row(folder / "decisions", len(tables.decisions), assumed.decision),
        "prediction": _per_prediction(folder / "predictions", assumed.prediction),
        "study": study / len(tables.trials) if study else assumed.study,
    }
    return RecordBytes(**found)


def _per_row(folder: Path, rows: int, assumed: float) -> float:
    size = sum(path.stat().st_size for path in folder.glob("part-*.parquet"))
    return size / rows if rows and size else assumed


def _per_prediction(folder: Path, assumed: float) -> float:
    parts = list(folder.glob("part-*.parquet"))
    return _per_row(folder, sum(pq.read_metadata(part).num_rows for part in parts), assumed)
