"""A plan: all that is foreseen of a sweep, and how sure it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from search.plan import Disk, Forecast, assumed_saving, disk, forecast
from search.planning.base import BaseShape, adapter_bytes, checkpoint_bytes, rough_costs
from search.planning.costs import Costs
from search.planning.items import Needed, needed
from search.planning.kept import KnownCosts
from search.planning.rows import RowCounts
from search.spec import SweepSpec

_MARGIN = (0.85, 1.15)
"""What a calibrated plan may be off by, beside what the pruner does."""
_BUSY_MARGIN = (0.5, 2.0)
"""The same where other programs kept the machine busy; docs/plan.md measured it."""


@dataclass(frozen=True)
class Known:
    """What is known beside the sweep file.

    Attributes:
        costs: Measured here, or of a finished sweep; ``None`` without either.
        shape: Sizes of the base; ``None`` if this machine does not hold its settings.
        counts: Rows; ``None`` if they were never checked.
        spreads: Spread of differences on a row, and pairs of trials, by objective.
        gpus: Number of GPUs of this machine.

    """

    costs: KnownCosts | None
    shape: BaseShape | None
    counts: RowCounts | None
    spreads: Mapping[str, tuple[float, int]]
    gpus: int


@dataclass(frozen=True)
class Plan:
    """What is foreseen.

    Attributes:
        spec: The sweep.
        known: What it is foreseen from.
        workers: Trials that run at a time.
        saved_share: Share of all steps that the pruner is taken to save.
        is_saving_known: Whether a finished sweep says so.
        low: How short the sweep may be; ``None`` if nothing is known of the base.
        expected: What is expected; ``None`` without measured costs.
        high: How long it may be.
        disk: The least and the most bytes that it leaves, equal where they are known.
        needed: Rows that the objectives need.

    """

    spec: SweepSpec
    known: Known
    workers: int
    saved_share: float
    is_saving_known: bool
    low: Forecast | None
    expected: Forecast | None
    high: Forecast | None
    disk: tuple[Disk, Disk]
    needed: tuple[Needed, ...]

    def result(self) -> dict[str, Any]:
        """Give the plan for programs: seconds, bytes, hours."""
        costs = self.known.costs
        return {
            "trials": self.spec.search.trials,
            "workers": self.workers,
            "calibrated": costs is not None,
            "calibration": None if costs is None else {**costs.costs.model_dump(), "words": costs.words},
            "differs_in": [] if costs is None else list(costs.other),
            "saved_share": self.saved_share,
            "saved_share_is_measured": self.is_saving_known,
            "low": _forecast(self.low),
            "expected": _forecast(self.expected),
            "high": _forecast(self.high),
            "disk_bytes": {"low": asdict(self.disk[0]), "high": asdict(self.disk[1])},
            "rows": None if self.known.counts is None else self.known.counts.model_dump(),
            "items": [asdict(one) for one in self.needed],
        }


def make_plan(spec: SweepSpec, known: Known, *, now: datetime) -> Plan:
    """Foresee a sweep.

    Args:
        spec: The sweep.
        known: What is known beside it.
        now: When the command will be given, in local time.

    """
    workers = _workers(spec, known.gpus)
    costs = known.costs.costs if known.costs else None
    measured = costs.saved_share if costs else None
    saved = assumed_saving(spec) if measured is None else measured
    scored = known.counts.scored(limit=spec.trial.final_rows) if known.counts else None
    final_rows = sum(scored.values()) if scored else spec.trial.final_rows

    def played(costs: Costs, share: float) -> Forecast:
        return forecast(spec, costs, saved_share=share, now=now, workers=workers)

    low = expected = high = None
    if costs is not None:
        most = min(2 * saved, 0.9) if measured is None else saved
        expected = played(costs, saved)
        least, greatest = _BUSY_MARGIN if costs.was_busy(os.cpu_count() or 1) else _MARGIN
        low = played(_scaled(costs, least), most)
        high = played(_scaled(costs, greatest), 0.0 if measured is None else saved)
    elif known.shape is not None:
        tokens = known.counts.tokens if known.counts else None
        fast, slow = rough_costs(spec, known.shape, tokens=tokens, final_rows=final_rows)
        low, high = played(fast, min(2 * saved, 0.9)), played(slow, 0.0)
    ended = (expected or high).ended if (expected or high) else spec.search.trials  # pyright: ignore[reportOptionalMemberAccess]
    return Plan(
        spec=spec,
        known=known,
        workers=workers,
        saved_share=saved,
        is_saving_known=measured is not None,
        low=low,
        expected=expected,
        high=high,
        disk=_disks(spec, known, costs, ended=ended, saved=saved, final_rows=final_rows),
        needed=needed(tuple(objective.metric for objective in spec.objectives), present=scored, measured=known.spreads),
    )


def _workers(spec: SweepSpec, gpus: int) -> int:
    """Give the trials that run at a time; a Ray of our own has as many cores as trials ask for, but not more GPUs."""
    needs = spec.trial.resources.gpus
    if spec.search.address != "local" or not needs or not gpus:
        return spec.search.concurrency
    pack = 1 if spec.trial.pack == "auto" else spec.trial.pack
    return min(spec.search.concurrency, max(int(gpus / needs + 1e-9) * pack, 1))


def _scaled(costs: Costs, factor: float) -> Costs:
    names = ("step_s", "rung_s", "final_s", "trial_s", "worker_s", "before_s", "after_s")
    return costs.model_copy(update={name: getattr(costs, name) * factor for name in names})


def _disks(
    spec: SweepSpec, known: Known, costs: Costs | None, *, ended: int, saved: float, final_rows: int | None
) -> tuple[Disk, Disk]:
    features = known.counts.kept_bytes if known.counts else None
    if features is not None and spec.model.cache.disk is not None:
        features = min(features, spec.model.cache.disk)
    small, large = adapter_bytes(spec, known.shape) if known.shape else (None, None)

    def added(costs: Costs, checkpoint: float, adapter: float | None) -> Disk:
        return disk(
            spec,
            costs,
            ended=ended,
            saved_share=saved,
            checkpoint_bytes=checkpoint,
            adapter_bytes=adapter,
            final_rows=final_rows,
            features=features,
        )

    if costs is not None and costs.checkpoint_bytes is not None:
        whole = added(costs, costs.checkpoint_bytes, costs.checkpoint_bytes / 3)
        return whole, whole
    assumed = costs or Costs(
        origin="assumed", trials=0, step_s=0, rung_s=0, final_s=0, trial_s=0, worker_s=0, before_s=0, after_s=0
    )
    return (
        added(assumed, checkpoint_bytes(small or 0), small),
        added(assumed, checkpoint_bytes(large or 0), large),
    )


def _forecast(found: Forecast | None) -> dict[str, Any] | None:
    return None if found is None else {**asdict(found), "end": found.end.isoformat(timespec="seconds")}
