"""What happens in the search, as rows of the record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from results import DecisionRow, Objective, ParamType, RecordColumns, RecordWriter, ReportRow, TrialRow
from results.schema import Role, State, Verdict
from search.spec import SweepSpec
from spaces import METRICS, TERM_NAMES, Scalar, TrialConfig, leaves
from trainable.data.records import TASKS
from trainable.evaluation.slices import slice_names
from trainable.report import TrialReport

_TYPES: Mapping[type, ParamType] = {bool: "bool", int: "int", float: "float", str: "str"}


def record_columns(spec: SweepSpec) -> RecordColumns:
    """Declare the columns of a sweep's record: every key of the space, every score, every loss term."""
    return RecordColumns(
        params={key: _TYPES[type(leaf.default)] for key, leaf in leaves().items()},
        objectives=tuple(
            Objective(
                objective.metric,
                objective.direction,
                METRICS[objective.metric].low,
                METRICS[objective.metric].high,
            )
            for objective in spec.objectives
        ),
        metrics=(
            *METRICS,
            *(f"teacher_forced.{term}" for term in TERM_NAMES),
            *slice_names(sources=len(spec.data.sources)),
        ),
        terms=TERM_NAMES,
        tasks=TASKS,
    )


@dataclass(frozen=True)
class Ending:
    """How a trial ended.

    Attributes:
        state: ``COMPLETE``, ``PRUNED`` or ``FAIL``.
        reason: In words.
        values: Final objectives, where it is complete.

    """

    state: State
    reason: str
    values: tuple[float, ...] | None = None


class Recorder:
    """Writes each event durably before it returns; the only writer of the record."""

    def __init__(
        self,
        folder: Path,
        spec: SweepSpec,
        metadata: Mapping[str, str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._writer = RecordWriter(folder, record_columns(spec), metadata)
        self._objectives = [objective.metric for objective in spec.objectives]
        self._pruner = spec.search.pruner.name
        self.now = now

    def report(self, config: TrialConfig, report: TrialReport) -> None:
        """Record a trial's report."""
        self._writer.append_report(
            ReportRow(
                trial=config.number,
                attempt=config.attempt,
                step=report.step,
                progress=report.progress,
                seconds=report.seconds,
                recorded=self.now(),
                metrics=report.metrics,
                losses=report.losses,
                weights=report.weights,
                weighted=report.weighted,
                exposure=report.exposure,
            )
        )

    def decision(self, config: TrialConfig, *, step: int, verdict: Verdict, reason: str) -> None:
        """Record what was decided on a report."""
        self._writer.append_decision(
            DecisionRow(
                trial=config.number,
                attempt=config.attempt,
                step=step,
                verdict=verdict,
                pruner=self._pruner,
                reason=reason,
                recorded=self.now(),
            )
        )

    def ending(
        self,
        config: TrialConfig,
        params: Mapping[str, Scalar | None],
        ending: Ending,
        *,
        role: Role,
        steps: int,
        seconds: float,
        started: datetime,
    ) -> None:
        """Record that a trial has ended; a parameter that played no part is ``None``."""
        values = dict(zip(self._objectives, ending.values, strict=True)) if ending.values else {}
        self._writer.append_trial(
            TrialRow(
                trial=config.number,
                state=ending.state,
                reason=ending.reason,
                role=role,
                attempt=config.attempt,
                steps=steps,
                seconds=seconds,
                seed=config.training.seed,
                started=started,
                ended=self.now(),
                params=params,
                values=values,
            )
        )
