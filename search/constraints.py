"""Scores that must not fall far below the baseline's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from search.spec import ConstraintConfig
from spaces import METRICS
from trainable.report import TrialReport

_LATE = 0.9


class Constraints:
    """The constraints of a sweep; they bind once the baseline is complete.

    Args:
        configs: From the sweep file.

    """

    def __init__(self, configs: Sequence[ConstraintConfig]) -> None:
        self._configs = configs
        self._baseline: Mapping[str, float] = {}

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the constrained scores."""
        return tuple(config.metric for config in self._configs)

    def set_baseline(self, scores: Mapping[str, float]) -> None:
        """Take in the final scores of the baseline."""
        self._baseline = {metric: scores[metric] for metric in self.metrics if metric in scores}

    def violations(self, scores: Mapping[str, float]) -> Mapping[str, float]:
        """Give by how much each score is worse than allowed: 0 or less is feasible, as in Optuna.

        Constraints that do not bind yet are left out; a score that a trial lacks violates its constraint.
        """
        found: dict[str, float] = {}
        for config in self._configs:
            if config.metric in self._baseline:
                sign = 1 if METRICS[config.metric].direction == "maximize" else -1
                drop = sign * (self._baseline[config.metric] - scores.get(config.metric, math.nan))
                found[config.metric] = math.inf if math.isnan(drop) else drop - config.max_drop
        return found

    def late_stop(self, report: TrialReport) -> str | None:
        """Tell why a trial is stopped that violates a constraint although it has had nearly all of the task.

        Args:
            report: Of a step before the last.

        Returns:
            The reason, or ``None`` to go on.

        """
        for metric, violation in self.violations(report.metrics).items():
            exposure = report.exposure.get(metric.partition(".")[0], report.progress)
            if violation > 0 and exposure > _LATE:
                return f"hard stop: {metric} is worse than allowed by {violation:.3g} after {exposure:.0%} of its task"
        return None
