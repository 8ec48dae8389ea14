"""How far a sweep is, from its record alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from results import last_attempts, read_sweep
from search.sweep_spec import spec_of
from spaces.metrics import METRICS, shown_scores


def status_lines(folder: Path) -> list[str]:
    """Say how many trials ended and which are running, with their last scores.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    tables, spec = read_sweep(folder), spec_of(folder)
    trials = tables.trials
    counts = ", ".join(f"{count} {state}" for state, count in trials["state"].value_counts().items())
    lines = [f"{len(trials)} of {spec.search.trials} trials ended{f': {counts}' if counts else ''}"]
    reports = last_attempts(tables.reports)
    unfinished = reports[~reports["trial"].isin(trials["trial"])]
    for number, rows in unfinished.groupby("trial"):
        last = rows.iloc[-1]
        scores = {name: last[f"metric.{name}"] for name in METRICS if pd.notna(last.get(f"metric.{name}"))}
        shown = shown_scores([objective.metric for objective in spec.objectives], scores)
        lines.append(f"trial {number} not ended, step {last['step']} of {spec.trial.steps}: {shown}")
    if len(trials) < spec.search.trials:
        lines.append(f"if it does not run any more, go on by: paretune resume {folder}")
    return lines
