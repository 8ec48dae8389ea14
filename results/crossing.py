"""Whether learning curves cross: how well the order of trials at a rung foretells their final order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results.findings import RungCrossing
from results.gains import gains_of
from results.reader import SweepTables, last_attempts
from results.schema import Objective


def crossing_of(tables: SweepTables, objectives: Sequence[Objective]) -> tuple[RungCrossing, ...]:
    """Compare the scores at each rung with the final ones, over completed trials.

    Args:
        tables: The sweep's record.
        objectives: The objectives.

    Returns:
        One for each rung before the end and each objective, rungs rising; empty if fewer than two trials completed
        that had reported before.

    References:
        M. G. Kendall. The treatment of ties in ranking problems. Biometrika 33(3), 1945. Tau-b, computed by
        scipy, which pandas imports when it is asked for.

    """
    ended = tables.trials.drop_duplicates("trial", keep="last")
    values = [f"value.{objective.name}" for objective in objectives]
    ended = ended.loc[ended["state"] == "COMPLETE", ["trial", "steps", *values]].set_index("trial")
    metrics = [f"metric.{objective.name}" for objective in objectives]
    needed = ["trial", "attempt", "step", *(name for name in metrics if name in tables.reports)]
    narrow: pd.DataFrame = tables.reports.filter(items=needed)
    reports = last_attempts(narrow)
    reports = reports.loc[reports["trial"].isin(ended.index)]
    reports = reports.loc[reports["step"].to_numpy() < ended["steps"].reindex(reports["trial"]).to_numpy()]
    found: list[RungCrossing] = []
    for step, rows in reports.drop_duplicates(["trial", "step"], keep="last").groupby("step"):
        finals = ended.loc[rows["trial"]]
        for objective in objectives:
            column = f"metric.{objective.name}"
            if column not in rows:
                continue
            pair = np.column_stack([rows[column].to_numpy(float), finals[f"value.{objective.name}"].to_numpy(float)])
            gains = gains_of(pair[:, :, None], [objective])[:, :, 0]
            gains = gains[np.isfinite(gains).all(axis=1)]
            if len(gains) > 1:
                found.append(RungCrossing(int(str(step)), objective.name, _tau(gains), len(gains)))
    return tuple(found)


def _tau(pairs: NDArray[np.float64]) -> float | None:
    if (pairs == pairs[0]).all(axis=0).any():
        return None
    first, last = (pd.Series(column) for column in pairs.T)
    return float(first.corr(last, method="kendall"))
