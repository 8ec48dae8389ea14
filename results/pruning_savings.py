"""What pruning cost and saved, in the time of workers and GPUs."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from results.crossing import crossing_of
from results.findings import FrontStops, PruningFindings
from results.reader import SweepTables, last_reports
from results.summary import Summary
from results.words import count

_SPEC_KEY = "spec"
_FEW_AUDITED = 10
_FEW_COMPLETED = 15


def pruning_findings(summary: Summary, tables: SweepTables, *, front_stops: FrontStops | None) -> PruningFindings:
    """Give what pruning cost and saved.

    A pruned trial is taken to have gone on at its own pace: the seconds of its last attempt up to its last report,
    evaluations included, over the steps up to there, times the steps that its progress says were left. Packed trials
    share the GPUs of their pack.

    Args:
        summary: Of the sweep.
        tables: The sweep's record.
        front_stops: From ``search.replay``, or ``None``.

    """
    finals = last_reports(tables.reports)
    pruned = [trial.trial for trial in summary.in_state("PRUNED")]
    rows = finals.loc[finals.index.isin(pruned)]
    step, progress = rows["step"].to_numpy(float), rows["progress"].to_numpy(float)
    known = (progress > 0) & (step > 0)
    left = np.zeros(len(rows))
    left[known] = step[known] * (1 / progress[known] - 1)
    seconds = rows["seconds"].to_numpy(float)[known] / step[known] * left[known]
    hours = float(np.nansum(seconds)) / 3600
    gpus = gpus_of(summary.metadata)
    return PruningFindings(
        audit=summary.audit,
        pruned=len(pruned),
        steps_saved=summary.steps_saved,
        hours_saved=hours,
        gpu_hours_saved=hours * gpus if gpus else None,
        crossing=crossing_of(tables, summary.objectives),
        front_stops=front_stops,
        caveats=_caveats(summary, pruned=len(pruned)),
    )


def gpus_of(metadata: Mapping[str, str]) -> float | None:
    """Give the GPUs of one trial by the sweep's spec, or ``None`` if the record does not say."""
    try:
        trial = json.loads(metadata[_SPEC_KEY])["trial"]
        pack = trial.get("pack", 1)
        return float(trial["resources"]["gpus"]) / (pack if isinstance(pack, int) else 1)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def seed_of(metadata: Mapping[str, str]) -> int:
    """Give the sweep's seed, which the generators of its statistics start from; 0 if the record does not say."""
    try:
        return abs(int(json.loads(metadata[_SPEC_KEY])["search"]["seed"]))
    except (KeyError, TypeError, ValueError):
        return 0


def _caveats(summary: Summary, *, pruned: int) -> tuple[str, ...]:
    caveats: list[str] = []
    if pruned:
        caveats.append("What was saved is an estimate: the steps left, at the pace that each pruned trial had.")
    if pruned and summary.audit.would_stop < _FEW_AUDITED:
        caveats.append(
            f"Only {count(summary.audit.would_stop, 'audited trial')} would have been stopped, so the false-stop rate"
            " is hardly known."
        )
    if pruned:
        caveats.append("Trials that were pruned have no final score: tau is over the trials that were let go on.")
    if 1 < len(summary.completed) < _FEW_COMPLETED:
        caveats.append(f"Tau is from {len(summary.completed)} completed trials.")
    return tuple(caveats)
