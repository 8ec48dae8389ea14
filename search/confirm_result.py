"""What a confirmation found, setting by setting, for the terminal and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from results import SweepTables
from search.confirm_plan import ConfirmPlan, Setting
from search.spec import SweepSpec

SPLITS = ("confirm", "test")


@dataclass(frozen=True)
class Spread:
    """Scores of one setting's runs on one split.

    Attributes:
        mean: Mean over its runs.
        deviation: Standard deviation between its runs (of a sample); ``None`` for a single run.
        runs: Number of completed runs.

    """

    mean: float
    deviation: float | None
    runs: int


def spreads(rows: pd.DataFrame, metrics: Sequence[str]) -> dict[str, Spread]:
    """Give mean and spread of some scores over completed runs; a score that no run has is absent."""
    found: dict[str, Spread] = {}
    for metric in metrics:
        values = rows[f"metric.{metric}"].dropna().to_numpy(float)
        if len(values):
            deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
            found[metric] = Spread(float(np.mean(values)), deviation, len(values))
    return found


def confirm_result(plan: ConfirmPlan, tables: SweepTables, spec: SweepSpec, *, is_complete: bool) -> Mapping[str, Any]:
    """Give all that a confirmation found as plain values."""
    metrics = [objective.metric for objective in spec.objectives]
    return {
        "complete": is_complete,
        "frozen": plan.frozen.isoformat(),
        "test_opened": plan.test_opened.isoformat() if plan.test_opened else None,
        "settings": [_setting(setting, tables, metrics) for setting in plan.settings],
        "left_out": [one.model_dump() for one in plan.left_out],
        "notes": list(plan.notes),
    }


def confirm_lines(plan: ConfirmPlan, tables: SweepTables, spec: SweepSpec) -> list[str]:
    """Give the same as a table: for each setting the search's score, and means and spreads of the new runs."""
    metrics = [objective.metric for objective in spec.objectives]
    lines: list[str] = []
    for setting in plan.settings:
        found = _setting(setting, tables, metrics)
        lines.append(f"trial {setting.trial} ({', '.join(setting.why)})")
        lines.extend(f"  {metric}: {_line(found, metric)}" for metric in metrics)
        if failed := [run for run in found["runs"] if run["state"] == "FAIL"]:
            lines.append(f"  {len(failed)} runs failed, the last one: {failed[-1]['reason']}")
    return lines


def _line(found: Mapping[str, Any], metric: str) -> str:
    parts = [f"search {found['search'][metric]:.4f}"]
    for split in SPLITS:
        if spread := found[split].get(metric):
            deviation = "" if spread["deviation"] is None else f" ± {spread['deviation']:.4f}"
            parts.append(f"{split} {spread['mean']:.4f}{deviation} ({spread['runs']} seeds)")
    return ", ".join(parts)


def _setting(setting: Setting, tables: SweepTables, metrics: Sequence[str]) -> dict[str, Any]:
    rows = tables.confirmations.loc[tables.confirmations["trial"] == setting.trial]
    complete = rows.loc[rows["state"] == "COMPLETE"]
    searched = tables.trials.drop_duplicates("trial", keep="last").set_index("trial").loc[setting.trial]
    return {
        **setting.model_dump(),
        "search": {metric: float(searched[f"value.{metric}"]) for metric in metrics},
        **{
            split: {
                metric: vars(spread)
                for metric, spread in spreads(complete.loc[complete["split"] == split], metrics).items()
            }
            for split in SPLITS
        },
        "runs": [
            {
                "run": int(row["run"]),
                "seed": int(row["seed"]),
                "split": row["split"],
                "state": row["state"],
                "reason": row["reason"],
                "seconds": float(row["seconds"]),
                **{metric: float(row[f"metric.{metric}"]) for metric in metrics},
            }
            for row in rows.sort_values(["run", "split"]).to_dict("records")
        ],
    }
