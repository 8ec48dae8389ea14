"""Decides whether a trial goes on: hard stops, constraints, a user's orders, the pruner, the audit group."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from results.pruning_audit import AUDIT_PREFIX
from results.schema import Verdict
from search.audit import is_audited
from search.constraints import Constraints
from search.hard_stops import parse_failure_stop
from search.orders import Orders
from search.pruners import Curve, CurvePool, Pruner, Vector
from search.spec import SweepSpec
from trainable.report import TrialReport

STOPPED_BY_USER = "stopped by the user"
EXTENDED_PREFIX = "extended by the user: would stop: "
"""Begins the reason of a decision that the pruner made for a trial that a user wants to see through."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a trial after a report; ``SUSPEND`` leaves it to be resumed."""

    verdict: Verdict
    reason: str


class Judge:
    """Knows the curves of all trials, and nothing of how they came about.

    Args:
        spec: The sweep.
        pruner: Asked at every rung but the last step. What it says of the audit group is recorded and not done.
        orders: Of a user.

    """

    def __init__(self, spec: SweepSpec, pruner: Pruner, *, orders: Orders) -> None:
        self._spec, self._pruner, self._orders = spec, pruner, orders
        self._metrics = [objective.metric for objective in spec.objectives]
        self._pool = CurvePool()
        self._constraints = Constraints(spec.search.constraints)

    @property
    def has_constraints(self) -> bool:
        """Whether scores must not fall far below the baseline's."""
        return bool(self._constraints.metrics)

    def see(self, number: int, step: int, vector: Vector) -> None:
        """Take in a report's objectives, larger is better."""
        self._pool.report(number, step, vector)

    def finish(self, curve: Curve) -> None:
        """Take in the whole curve of a completed trial."""
        self._pool.finish(curve)

    def set_baseline(self, scores: Mapping[str, float]) -> None:
        """Take in the baseline's final scores; from here on constraints bind."""
        self._constraints.set_baseline(scores)

    def constrained(self, scores: Mapping[str, float]) -> Mapping[str, float]:
        """Give those of some scores that have a constraint."""
        return {metric: scores[metric] for metric in self._constraints.metrics if metric in scores}

    def violations(self, scores: Mapping[str, float]) -> Mapping[str, float]:
        """Give by how much each constrained score is worse than allowed; 0 or less is feasible."""
        return self._constraints.violations(scores)

    def judged(self, curve: Curve, report: TrialReport) -> Decision:
        """Decide whether a trial goes on after a report that is not its last.

        Args:
            curve: Of the trial, with that report.
            report: Its scores.

        """
        number = curve.number
        if self._orders.stops(number):
            return Decision("STOP", STOPPED_BY_USER)
        if number and (
            reason := self._hard_stop(report)
        ):  # the baseline, with which all are compared, is never stopped
            return Decision("STOP", reason)
        reason = self._pruner.reason_to_stop(curve, self._pool) or ""
        if reason and self._is_audited(number):
            return Decision("CONTINUE", f"{AUDIT_PREFIX}{reason}")
        if reason and self._orders.extends(number):
            return Decision("CONTINUE", f"{EXTENDED_PREFIX}{reason}")
        return Decision("STOP" if reason else "CONTINUE", reason)

    def fault(self, report: TrialReport) -> str | None:
        """Tell what is wrong with a report's objectives, if anything."""
        for metric in self._metrics:
            if metric not in report.metrics:
                return f"bad data: {metric} does not apply to the rows of the search split"
            if not math.isfinite(report.metrics[metric]):
                return f"diverged: {metric} is {report.metrics[metric]} at step {report.step}"
        return None

    def _hard_stop(self, report: TrialReport) -> str | None:
        return parse_failure_stop(report, metrics=self._metrics) or self._constraints.late_stop(report)

    def _is_audited(self, number: int) -> bool:
        return is_audited(number, seed=self._spec.search.seed, share=self._spec.search.pruner.audit_share)
