"""What must stand beside every box score: parse failures, duplicates, and what one constant box gets."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from results.findings import BoxScores
from results.reader import SweepTables, last_reports
from results.summary import PARSE_FAILURE_RATE, Summary, constant_box_name

DUPLICATE_RATE = "grounding.duplicate_rate"
MANY_FAILURES = 0.1
MANY_DUPLICATES = 0.1
"""Rates from which a box score is called doubtful whatever the baseline's are."""

_MORE = 0.05
_GROUNDING = "metric.grounding."


def box_scores_of(summary: Summary, tables: SweepTables) -> tuple[BoxScores, ...]:
    """Give the box scores of the front and the baseline with what must stand beside them.

    Args:
        summary: Of the sweep.
        tables: The sweep's record.

    Returns:
        The front, best in the first objective first, then the baseline if it is not on it; empty if no trial has a
        box score.

    """
    shown = [trial.trial for trial in summary.front]
    baseline = None if summary.baseline is None else summary.baseline.trial
    if baseline is not None and baseline not in shown:
        shown.append(baseline)
    finals = last_reports(tables.reports)
    columns = [str(name) for name in finals.columns if str(name).startswith(_GROUNDING)]
    cells = {
        trial: {
            name.removeprefix("metric."): float(value)
            for name, value in finals.loc[trial, columns].items()
            if pd.notna(value)
        }
        for trial in shown
        if trial in finals.index
    }
    own = cells.get(baseline, {}) if baseline is not None else {}
    found = [_beside(trial, scores, baseline={} if trial == baseline else own) for trial, scores in cells.items()]
    return tuple(one for one in found if one.scores)


def _beside(trial: int, cells: Mapping[str, float], *, baseline: Mapping[str, float]) -> BoxScores:
    scores = {name: value for name, value in cells.items() if constant_box_name(name) and name != DUPLICATE_RATE}
    pairs = ((name, constant_box_name(name) or "") for name in scores)
    controls = {name: cells[control] for name, control in pairs if control in cells}
    return BoxScores(
        trial=trial,
        scores=scores,
        controls=controls,
        parse_failure_rate=cells.get(PARSE_FAILURE_RATE),
        duplicate_rate=cells.get(DUPLICATE_RATE),
        warnings=tuple(_warnings(cells, scores, controls, baseline=baseline)),
    )


def _warnings(
    cells: Mapping[str, float],
    scores: Mapping[str, float],
    controls: Mapping[str, float],
    *,
    baseline: Mapping[str, float],
) -> list[str]:
    found: list[str] = []
    for name, limit, words in (
        (PARSE_FAILURE_RATE, MANY_FAILURES, "of the answers hold no possible box"),
        (DUPLICATE_RATE, MANY_DUPLICATES, "of the predicted boxes repeat another"),
    ):
        rate = cells.get(name)
        if rate is None:
            continue
        before = baseline.get(name)
        if before is not None and rate > before + _MORE:
            found.append(f"{rate:.1%} {words}, the baseline's rate is {before:.1%}")
        elif rate >= limit:
            found.append(f"{rate:.1%} {words}")
    found += [
        f"{name} {scores[name]:.4g} is not above {control:.4g}, what one constant box gets"
        for name, control in controls.items()
        if scores[name] <= control
    ]
    if scores and PARSE_FAILURE_RATE not in cells:
        found.append("the rate of parse failures was not reported")
    return found
