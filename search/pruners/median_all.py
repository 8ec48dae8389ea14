"""Stop what is below the median in all objectives."""

from __future__ import annotations

from statistics import median

from typing_extensions import override

from search.pruners.base import Pruner
from search.pruners.curves import Curve, CurvePool


class MedianAllPruner(Pruner):
    """Stops a trial that is below the median of the finished trials in every objective at the same step.

    A trial that is good at one thing is never stopped, whatever the other costs it; so the rule cannot cut off an end
    of the front.
    """

    def __init__(self, *, warmup_trials: int) -> None:
        self._warmup_trials = warmup_trials

    @override
    def reason_to_stop(self, running: Curve, pool: CurvePool) -> str | None:
        step = max(running.vectors)
        peers = [curve.vectors[step] for curve in pool.finished if step in curve.vectors]
        if not peers or len(peers) < self._warmup_trials:
            return None
        medians = [median(column) for column in zip(*peers, strict=True)]
        if all(value < middle for value, middle in zip(running.vectors[step], medians, strict=True)):
            return f"below the median of {len(peers)} finished trials in all objectives at step {step}"
        return None
