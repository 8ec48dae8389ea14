"""The front as plain cells, for the terminal."""

from __future__ import annotations

from pathlib import Path

from results.reader import read_sweep
from results.report.settings import role_of, setting_texts
from results.summary import summarise
from results.words import score_text


def pareto_table(folder: Path) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Give the front and the baseline as plain cells, best in the first objective first.

    Returns:
        Column names, and one row for each trial; no row if none completed. The last column holds all searched
        settings that differ between trials.

    Raises:
        ResultsError: If the folder holds no readable sweep.

    """
    summary = summarise(read_sweep(folder))
    shown = list(summary.front)
    if summary.baseline and not summary.baseline.on_front:
        shown.append(summary.baseline)
    objectives = {objective.name: objective for objective in summary.objectives}
    rows = [
        (
            str(trial.trial),
            role_of(summary, trial),
            *(
                score_text(score, objectives.get(name))
                for name, score in zip(summary.score_names, trial.scores, strict=True)
            ),
            " ".join(f"{name}={value}" for name, value in setting_texts(summary, trial)),
        )
        for trial in shown
    ]
    return ("trial", "role", *summary.score_names, "settings"), tuple(rows)
