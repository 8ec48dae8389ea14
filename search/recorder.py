"""What happens in the search, as rows of the record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from results import DecisionRow, Objective, ParamType, PredictionRow, RecordColumns, RecordWriter, ReportRow, TrialRow
from results.rows import ScoredSplit
from results.schema import Role, State, Verdict
from search.spec import SweepSpec
from spaces import METRICS, TERM_NAMES, Scalar, TrialConfig, leaves
from trainable.data.records import TASKS
from trainable.evaluation.prediction import Prediction
from trainable.evaluation.slices import slice_names
from trainable.report import TrialReport

_log = logging.getLogger(__name__)

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
        row_scores=tuple(METRICS),
    )


def prediction_rows(
    predictions: Sequence[Prediction], *, trial: int, run: int | None, attempt: int, step: int, split: ScoredSplit
) -> list[PredictionRow]:
    """Give a model's answers as rows of the record."""
    return [
        PredictionRow(trial, run, attempt, step, split, one.item, one.text, one.boxes_1000, one.scores, one.weights)
        for one in predictions
    ]


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
        self._has_warned = False
        self.now = now

    def predictions(self, config: TrialConfig, report: TrialReport) -> None:
        """Record the answers behind the last report of a trial that completes; before the report itself."""
        if not report.predictions:
            level, self._has_warned = logging.INFO if self._has_warned else logging.WARNING, True
            _log.log(level, "trial %d completes, but its worker gave no answers to single rows", config.number)
            return
        self._writer.append_predictions(
            prediction_rows(
                report.predictions,
                trial=config.number,
                run=None,
                attempt=config.attempt,
                step=report.step,
                split="search",
            )
        )

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
