"""A short sweep with the settings of a long one, to see what its steps and reports take here."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from results import read_sweep, write_report
from search.check import CheckedData
from search.errors import PlanError
from search.explain import explain
from search.items import item_rows
from search.lineage import lineage
from search.planning.costs import Costs
from search.planning.fitted import fitted_costs
from search.planning.rows import RowCounts
from search.recorder import Ending
from search.spec import PrunerConfig, SamplerConfig, SweepSpec
from search.sweep import start_sweep
from spaces import TrialConfig
from trainable.report import TrialReport

_FIRST, _SECOND = 2, 4
"""Steps of the first two reports: what differs between their stretch and the next is steps alone."""
_MOST_STEPS = 24
_MOST_ROWS = 1000
"""Scored at the last step; the cost of more is extrapolated."""
_FEW_ROWS = 8


class _Quiet:
    """Says how far the measurement is."""

    def __init__(self, trials: int, say: Callable[[str], None]) -> None:
        self._trials, self._say, self._ended = trials, say, 0

    def started(self, config: TrialConfig) -> None:
        """Say nothing."""

    def reported(self, config: TrialConfig, report: TrialReport) -> None:
        """Say nothing."""

    def ended(self, config: TrialConfig, ending: Ending) -> None:
        """Say how many trials have ended."""
        self._ended += 1
        self._say(f"measured trial {self._ended} of {self._trials}: {ending.state}, {ending.reason}")


def short_spec(spec: SweepSpec, counts: RowCounts) -> SweepSpec:
    """Give a sweep of a few short trials at points drawn at random, whose steps and reports are those of a long one.

    Its rungs are unequally far apart, so that a step and a report can be told apart; the widest stretch is that of the
    long sweep, up to 24 steps.
    """
    trial, concurrency = spec.trial, spec.search.concurrency
    widest = max(after - before for before, after in pairwise((0, *trial.report_steps)))
    third = _SECOND + min(widest, _MOST_STEPS) + 1
    rows = counts.search if trial.final_rows is None else min(trial.final_rows, counts.search)
    final_rows = max(2, min(rows, _MOST_ROWS))
    rung_rows = min(trial.rung_rows if trial.rungs else _FEW_ROWS, final_rows)
    short = trial.model_copy(
        update={
            "steps": third + 1,
            "rungs": (_FIRST, _SECOND, third),
            "rung_rows": rung_rows,
            "final_rows": final_rows,
        }
    )
    search = spec.search.model_copy(
        update={
            "sampler": SamplerConfig(name="random"),
            "pruner": PrunerConfig(name="none"),
            "constraints": (),
            "trials": concurrency * (3 if concurrency <= 2 else 2) + (concurrency == 1),
            "time_limit": None,
            "deadline": None,
            "gpu_hours": None,
            "enqueue": (),
            "warm_start": (),
            "storage": None,
            "disk": None,
            "checkpoints": None,
        }
    )
    return spec.model_copy(update={"trial": short, "search": search})


def measure(
    spec: SweepSpec, file: Path, *, counts: RowCounts, data: CheckedData, started: float, say: Callable[[str], None]
) -> Costs:
    """Run a short sweep beside the folders of the others, and remove it.

    Args:
        spec: The sweep to plan.
        file: Its sweep file.
        counts: Its rows.
        data: Its checked rows.
        started: When the command was given, in seconds of ``time.time``; reading the data has been done since, as a
            sweep does it.
        say: Tells a person how far it is.

    Raises:
        PlanError: If no trial comes to its end.
        SearchError: What ``start_sweep`` raises.
        KeyboardInterrupt: On SIGINT or SIGTERM.

    """
    short, load = short_spec(spec, counts), os.getloadavg()[0]
    home = Path("sweeps")
    home.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".measure-", dir=home))
    try:
        outcome = start_sweep(
            short,
            folder,
            lineage=lineage(file, data_hash=data.data_hash),
            items=lambda: item_rows(data.prepared.split),
            listener=_Quiet(short.search.trials, say),
            say=say,
        )
        if outcome.signal:
            raise KeyboardInterrupt(outcome.signal)
        if not outcome.completed:
            raise PlanError(f"nothing can be measured, since no trial came to its end: {outcome.last_failure}")
        write_report(folder, explain=explain)
        trials = read_sweep(folder).trials
        first = trials["started"].min().to_pydatetime()
        before_s = (first - datetime.fromtimestamp(started, tz=UTC)).total_seconds()
        after_s = time.time() - trials["ended"].max().timestamp()
        costs = fitted_costs(
            folder,
            short,
            before_s=max(before_s, 0),
            after_s=max(after_s, 0),
            rows_ratio=(short.trial.final_rows or 0) / short.trial.rung_rows,
            is_measurement=True,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not any(home.iterdir()):
            home.rmdir()
    rows = counts.search if spec.trial.final_rows is None else min(spec.trial.final_rows, counts.search)
    final_s = costs.final_s * max(1.0, rows / (short.trial.final_rows or rows))
    return costs.model_copy(update={"final_s": final_s, "load": load})
