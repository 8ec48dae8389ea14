"""``paretune plan``: what a sweep will take, before it is started."""

from __future__ import annotations

import argparse
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.commands.folders import on_folder
from search.commands.output import add_json, say, show
from search.commands.sweep_file import add_sweep_file
from search.exit_codes import EPILOG, OK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search.planning.kept import KnownCosts
    from search.spec import SweepSpec

_SWEEPS = Path("sweeps")


def add(commands: Any) -> None:
    """Add the command."""
    plan = commands.add_parser(
        "plan",
        help="say what a sweep will take: time, hours of GPUs, disk, and rows needed to see a point; load no model",
        description="Foresee a sweep from what was measured here. Without a measurement only a rough range is given.",
        epilog=EPILOG,
    )
    plan.add_argument(
        "--measure",
        action="store_true",
        help="first run a few short trials with the sweep's own settings, as many at a time, and keep what they took",
    )
    plan.add_argument(
        "--like",
        type=Path,
        metavar="DIR",
        help="take times, and what the pruner saves, from this finished sweep (default: the latest of equal settings "
        "in sweeps/, if there is one)",
    )
    add_sweep_file(plan)
    add_json(plan)
    plan.set_defaults(run=on_folder(_plan))


def _plan(options: argparse.Namespace) -> int:
    started = time.time()
    from search.spec_file import load_spec

    spec = load_spec(options.file, overrides=options.overrides)
    if options.measure:
        _measure(options, spec, started=started)

    from search.planning.base import base_shape
    from search.planning.kept import gpus
    from search.planning.rows import known_counts
    from search.planning.whole import Known, make_plan
    from search.planning.words import plan_lines

    costs, folder = _costs(options, spec)
    known = Known(
        costs=costs,
        shape=base_shape(spec.model.path),
        counts=known_counts(spec),
        spreads=_spreads(spec, folder),
        gpus=len(gpus()),
    )
    now = datetime.now()
    plan = make_plan(spec, known, now=now)
    show(options, plan_lines(plan, now=now), plan.result())
    return OK


def _measure(options: argparse.Namespace, spec: SweepSpec, *, started: float) -> None:
    """Measure, and keep what was measured and found of the rows."""
    from search.check import check_data
    from search.check_files import mean_tokens
    from search.ray_settings import set_up_ray

    data = check_data(spec)
    set_up_ray(spec.search.address)

    from search.planning.found_rows import found_counts
    from search.planning.kept import keep_costs
    from search.planning.measure import measure
    from search.planning.rows import keep_counts

    counts = found_counts(spec, data, tokens=mean_tokens(data))
    keep_counts(spec, counts)
    costs = measure(spec, options.file, counts=counts, data=data, started=started, say=say)
    try:
        keep_costs(spec, costs)
    except OSError as error:
        say(f"what was measured can't be kept for later plans: {error}")


def _costs(options: argparse.Namespace, spec: SweepSpec) -> tuple[KnownCosts | None, Path | None]:
    """Find costs: of a sweep that is named or has equal settings, else of a measurement; times of one just made win."""
    from search.planning.kept import kept_costs, with_times_of

    kept = kept_costs(spec)
    found, folder = _finished(options, spec, kept)
    if found is None:
        return kept, None
    return (with_times_of(kept, found) if options.measure and kept else found), folder


def _finished(
    options: argparse.Namespace, spec: SweepSpec, kept: KnownCosts | None
) -> tuple[KnownCosts | None, Path | None]:
    from search.errors import PlanError
    from search.planning.earlier import alike_sweeps

    if options.like is not None:
        return _of_sweep(options.like, spec, kept), options.like
    for folder in alike_sweeps(spec, _SWEEPS):
        try:
            return _of_sweep(folder, spec, kept), folder
        except PlanError:
            continue  # too little has ended there
    return None, None


def _of_sweep(folder: Path, spec: SweepSpec, kept: KnownCosts | None) -> KnownCosts:
    from search.planning.costs import AFTER_S, BEFORE_S
    from search.planning.earlier import differences
    from search.planning.fitted import fitted_costs
    from search.planning.kept import KnownCosts
    from search.planning.rows import known_counts
    from search.sweep_spec import spec_of

    other = spec_of(folder)
    counts = known_counts(other)
    rows = sum(counts.scored(limit=other.trial.final_rows).values()) if counts else other.trial.final_rows
    costs = fitted_costs(
        folder,
        other,
        before_s=kept.costs.before_s if kept else BEFORE_S,
        after_s=kept.costs.after_s if kept else AFTER_S,
        rows_ratio=rows / other.trial.rung_rows if rows else None,
    )
    return KnownCosts(costs, f"of the sweep in {folder}", tuple(differences(spec, other)))


def _spreads(spec: SweepSpec, folder: Path | None) -> Mapping[str, tuple[float, int]]:
    """Give how much trials of a finished sweep differ on single rows, if its predictions are there."""
    if folder is None:
        return {}
    from search.planning.spreads import paired_spreads

    return paired_spreads(folder, [objective.metric for objective in spec.objectives])
