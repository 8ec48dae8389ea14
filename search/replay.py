"""What multi-objective successive halving would have done to the front of a finished sweep."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results import SweepTables, last_attempts
from results.findings import FrontStops
from results.gains import gains_of
from results.pareto import nondominated
from search.pruners import Curve, CurvePool
from search.pruners.moasha import MoashaPruner
from search.spec import SweepSpec

ETA = 2
_MOST_TRIALS = 400
_SEED = 0


def replay_moasha(tables: SweepTables, spec: SweepSpec) -> FrontStops | str:
    """Show the recorded reports to ``moasha`` in their order, or say in one sentence why that says nothing.

    What was reported after a stop is not shown. In a large sweep a random sample of the trials is replayed, the front
    among them. The true pruner would have given other trials the time that it saved, so this tells how it treats
    what is good in the end, and not how that search would have ended.

    Args:
        tables: The sweep's record.
        spec: The sweep's spec.

    """
    objectives = tables.columns.objectives
    ended = tables.trials.drop_duplicates("trial", keep="last").set_index("trial")
    values = ended[[f"value.{objective.name}" for objective in objectives]].to_numpy(float)
    is_complete = (ended["state"] == "COMPLETE").to_numpy(bool)
    values = np.where(is_complete[:, None], values, np.nan)
    is_front = nondominated(values, [objective.direction for objective in objectives])
    front = {int(trial) for trial in ended.index[is_front]}
    reports = last_attempts(tables.reports)
    columns = [f"metric.{objective.name}" for objective in objectives]
    if not front or not set(columns) <= set(reports.columns):
        return "no trial has completed"
    others = np.array([int(trial) for trial in ended.index if int(trial) not in front], dtype=int)
    kept = front | set(np.random.default_rng(_SEED).permutation(others)[: max(_MOST_TRIALS - len(front), 0)].tolist())
    reports = reports.loc[reports["trial"].isin(sorted(kept))]
    reports = reports.assign(is_last=reports["step"].to_numpy() >= ended["steps"].reindex(reports["trial"]).to_numpy())
    stopped, judged = _replay(reports, gains_of(reports[columns].to_numpy(float), objectives), spec)
    if not judged & front:
        return "no trial of the front reported before its end"
    return FrontStops(
        front=len(judged & front),
        stopped=tuple(sorted(stopped & front)),
        replayed=len(kept),
        left_out=len(ended) - len(kept),
        rule=f"MO-ASHA: where the steps have grown {ETA}-fold, the better 1/{ETA} of the trials that reported there so"
        " far goes on, by non-dominated layers",
    )


def _replay(reports: pd.DataFrame, gains: NDArray[np.float64], spec: SweepSpec) -> tuple[set[int], set[int]]:
    """Give the trials that would have been stopped, and those that reported before their end."""
    config = spec.search.pruner
    pruner = MoashaPruner(steps=spec.trial.report_steps, warmup_trials=config.warmup_trials, eta=ETA)
    pool = CurvePool()
    curves: dict[int, Curve] = {}
    stopped: set[int] = set()
    judged: set[int] = set()
    rows = zip(reports["trial"], reports["step"], reports["progress"], reports["is_last"], gains, strict=True)
    for trial, step, progress, is_last, gain in rows:
        if trial in stopped or not np.isfinite(gain).all():
            continue
        before = curves.get(trial, Curve(int(trial), {}, {}))
        vector = tuple(gain.tolist())
        curve = curves[trial] = Curve(
            number=int(trial),
            vectors={**before.vectors, int(step): vector},
            exposures={**before.exposures, int(step): (float(progress),) * len(vector)},
        )
        pool.report(curve.number, int(step), vector)
        if is_last:
            pool.finish(curve)
            continue
        judged.add(curve.number)
        if pruner.reason_to_stop(curve, pool):
            stopped.add(curve.number)
    return stopped, judged
