"""The contract of a sweep's record: its tables, their rows and the metadata of every file.

``docs/results-format.md`` explains each column to readers; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self, get_args

import pyarrow as pa

from results.errors import ResultsError
from results.rows import (
    CONFIRMATION_FIELDS,
    ITEM_FIELDS,
    PREDICTION_FIELDS,
    ConfirmationRow,
    ItemRow,
    PredictionRow,
    check_choice,
)

SCHEMA_VERSION = 3
"""Raised whenever a column changes its meaning, its type or its name, or disappears."""

METADATA_PREFIX = "paretune."
VERSION_KEY = "schema_version"
COLUMNS_KEY = "columns"

TableName = Literal["trials", "reports", "decisions", "items", "predictions", "confirmations"]
State = Literal["COMPLETE", "PRUNED", "FAIL"]
Role = Literal["baseline", "preset", "search", "clone"]
Verdict = Literal["CONTINUE", "STOP", "SUSPEND", "REQUEUE"]
Direction = Literal["maximize", "minimize"]
ParamType = Literal["float", "int", "bool", "str"]
ParamValue = bool | int | float | str | None

TABLES: tuple[TableName, ...] = get_args(TableName)

_ARROW_TYPES: Mapping[ParamType, pa.DataType] = {
    "float": pa.float64(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "str": pa.string(),
}
_TIME = pa.timestamp("us", tz="UTC")

TRIAL_FIELDS: Mapping[str, pa.DataType] = {
    "trial": pa.int32(),
    "state": pa.string(),
    "reason": pa.string(),
    "role": pa.string(),
    "attempt": pa.int32(),
    "steps": pa.int32(),
    "seconds": pa.float64(),
    "seed": pa.int64(),
    "started": _TIME,
    "ended": _TIME,
}
REPORT_FIELDS: Mapping[str, pa.DataType] = {
    "trial": pa.int32(),
    "attempt": pa.int32(),
    "step": pa.int32(),
    "progress": pa.float64(),
    "seconds": pa.float64(),
    "recorded": _TIME,
}
DECISION_FIELDS: Mapping[str, pa.DataType] = {
    "trial": pa.int32(),
    "attempt": pa.int32(),
    "step": pa.int32(),
    "verdict": pa.string(),
    "pruner": pa.string(),
    "reason": pa.string(),
    "recorded": _TIME,
}


@dataclass(frozen=True)
class Objective:
    """A score that the sweep optimises.

    Attributes:
        name: The score's name, such as ``grounding.miou``.
        direction: Which way is better.
        low: Smallest possible value, or ``None`` if there is none.
        high: Largest possible value, or ``None`` if there is none.

    """

    name: str
    direction: Direction
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.direction not in get_args(Direction):
            raise ResultsError(f"direction must be maximize or minimize; {self.name} has {self.direction!r}")


@dataclass(frozen=True)
class RecordColumns:
    """The columns of one sweep beyond those that every sweep has.

    Attributes:
        params: The type of every parameter that the sweep may draw, by its key.
        objectives: The scores that the sweep optimises, in order.
        metrics: Names of all scores that a report can carry, objectives included.
        terms: Names of all loss terms.
        tasks: Names of the tasks whose exposure a report can carry.
        row_scores: Names of the scores that a prediction can carry its part of.

    Raises:
        ResultsError: If a name is given twice or a parameter's type is none of the four.

    """

    params: Mapping[str, ParamType]
    objectives: tuple[Objective, ...]
    metrics: tuple[str, ...]
    terms: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    row_scores: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = tuple(objective.name for objective in self.objectives)
        groups = {
            "objective": names,
            "metric": self.metrics,
            "term": self.terms,
            "task": self.tasks,
            "row score": self.row_scores,
        }
        for kind, given in groups.items():
            if twice := {name for name in given if given.count(name) > 1}:
                raise ResultsError(f"{kind} names must differ; given twice: {', '.join(sorted(twice))}")
        for key, kind in self.params.items():
            if kind not in _ARROW_TYPES:
                raise ResultsError(f"a parameter's type is float, int, bool or str; {key} has {kind!r}")

    def to_json(self) -> str:
        """Write the declaration as JSON, as it stands in ``sweep.json`` and in every part."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            ResultsError: If the text is not such a declaration.

        """
        try:
            raw = json.loads(text)
            return cls(
                params=dict(raw["params"]),
                objectives=tuple(Objective(**objective) for objective in raw["objectives"]),
                metrics=tuple(raw["metrics"]),
                terms=tuple(raw["terms"]),
                tasks=tuple(raw.get("tasks", ())),
                row_scores=tuple(raw.get("row_scores", ())),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"not a declaration of record columns: {error!r} in {text[:200]!r}") from error

    def widened(
        self, *, metrics: Iterable[str] = (), terms: Iterable[str] = (), row_scores: Iterable[str] = ()
    ) -> Self:
        """Give the same declaration with further metrics, terms and row scores after the known ones."""
        return type(self)(
            params=self.params,
            objectives=self.objectives,
            metrics=tuple(dict.fromkeys((*self.metrics, *metrics))),
            terms=tuple(dict.fromkeys((*self.terms, *terms))),
            tasks=self.tasks,
            row_scores=tuple(dict.fromkeys((*self.row_scores, *row_scores))),
        )

    def merged(self, other: RecordColumns) -> Self:
        """Give a declaration that holds this one's columns first and then the other's.

        Raises:
            ResultsError: If the two give a parameter different types or have different objectives.

        """
        for key in self.params.keys() & other.params.keys():
            if self.params[key] != other.params[key]:
                raise ResultsError(
                    f"parameter {key} is {self.params[key]} in one declaration and {other.params[key]} in another;"
                    " record a changed search space in a new sweep folder"
                )
        if self.objectives != other.objectives:
            raise ResultsError(
                f"a sweep keeps its objectives; got {self.objectives} and {other.objectives};"
                " record other objectives in a new sweep folder"
            )
        wide = self.widened(metrics=other.metrics, terms=other.terms, row_scores=other.row_scores)
        return type(self)(
            params={**self.params, **other.params},
            objectives=self.objectives,
            metrics=wide.metrics,
            terms=wide.terms,
            tasks=tuple(dict.fromkeys((*self.tasks, *other.tasks))),
            row_scores=wide.row_scores,
        )


@dataclass(frozen=True)
class TrialRow:
    """A trial that has ended, and how.

    Attributes:
        trial: The trial's number in the study.
        state: How it ended.
        reason: Why, in words for the report.
        role: ``baseline`` for plain cross entropy with the sweep's other settings at their defaults, ``preset`` for a
            published setting that the sweep was told to try, else ``search``.
        attempt: The attempt that ended, from 0.
        steps: Last optimizer step that was reported.
        seconds: Time that the trial took, all attempts together.
        seed: Seed of the trial's generators.
        started: When the trial first started; a time with its zone.
        ended: When it ended; a time with its zone.
        params: The drawn parameters. One that the draw did not use is missing or ``None``.
        values: Final scores of the objectives. Empty unless the state is ``COMPLETE``.

    Raises:
        ResultsError: If the state or role is unknown, or a trial that is not complete has values.

    """

    trial: int
    state: State
    reason: str
    role: Role
    attempt: int
    steps: int
    seconds: float
    seed: int
    started: datetime
    ended: datetime
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    values: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice("state", self.state, get_args(State))
        check_choice("role", self.role, get_args(Role))
        if self.state != "COMPLETE" and any(value is not None for value in self.values.values()):
            raise ResultsError(
                f"only a complete trial has final values; trial {self.trial} is {self.state} with {dict(self.values)}"
            )


@dataclass(frozen=True)
class ReportRow:
    """One evaluation of a running trial.

    Attributes:
        trial: The trial's number in the study.
        attempt: The attempt that reports, from 0.
        step: Optimizer steps taken.
        progress: Share of the trial's steps taken, in (0, 1].
        seconds: Time since the trial started.
        recorded: When the driver received the report; a time with its zone.
        metrics: Scores by name.
        losses: Mean training loss of each term since the last report; ``None`` or missing if it never occurred.
        weights: What multiplied each loss term in the last step.
        weighted: Mean over the steps since the last report of what each term added to the loss.
        exposure: Share of the signal planned for each task that the trial has had.

    """

    trial: int
    attempt: int
    step: int
    progress: float
    seconds: float
    recorded: datetime
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    losses: Mapping[str, float | None] = field(default_factory=dict)
    weights: Mapping[str, float | None] = field(default_factory=dict)
    weighted: Mapping[str, float | None] = field(default_factory=dict)
    exposure: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class DecisionRow:
    """What a pruner said to one report.

    Attributes:
        trial: The trial's number in the study.
        attempt: The attempt that reported, from 0.
        step: The report's step.
        verdict: What becomes of the trial.
        pruner: Name of the pruner.
        reason: Why, in words for the report.
        recorded: When the decision was made; a time with its zone.

    Raises:
        ResultsError: If the verdict is unknown.

    """

    trial: int
    attempt: int
    step: int
    verdict: Verdict
    pruner: str
    reason: str
    recorded: datetime

    def __post_init__(self) -> None:
        check_choice("verdict", self.verdict, get_args(Verdict))


Row = TrialRow | ReportRow | DecisionRow | ItemRow | PredictionRow | ConfirmationRow


def table_schema(table: TableName, columns: RecordColumns) -> pa.Schema:
    """Give the Arrow schema of one table in one sweep, without metadata."""
    fields: dict[str, pa.DataType] = {}
    match table:
        case "trials":
            fields |= TRIAL_FIELDS
            fields |= {f"param.{key}": _ARROW_TYPES[kind] for key, kind in columns.params.items()}
            fields |= {f"value.{objective.name}": pa.float64() for objective in columns.objectives}
        case "reports":
            fields |= REPORT_FIELDS
            fields |= {f"metric.{name}": pa.float64() for name in columns.metrics}
            fields |= {f"loss.{term}": pa.float64() for term in columns.terms}
            fields |= {f"weight.{term}": pa.float64() for term in columns.terms}
            fields |= {f"weighted.{term}": pa.float64() for term in columns.terms}
            fields |= {f"exposure.{task}": pa.float64() for task in columns.tasks}
        case "decisions":
            fields |= DECISION_FIELDS
        case "items":
            fields |= ITEM_FIELDS
        case "predictions":
            fields |= PREDICTION_FIELDS
            fields |= {f"score.{name}": pa.float64() for name in columns.row_scores}
            fields |= {f"weight.{name}": pa.float64() for name in columns.row_scores}
        case "confirmations":
            fields |= CONFIRMATION_FIELDS
            fields |= {f"metric.{name}": pa.float64() for name in columns.metrics}
    return pa.schema(list(fields.items()))


def row_cells(row: Row) -> dict[str, Any]:
    """Give a row's cells by column name.

    Raises:
        ResultsError: If a time has no zone.

    """
    groups: Mapping[str, Mapping[str, Any]]
    match row:
        case TrialRow():
            names, groups = TRIAL_FIELDS, {"param": row.params, "value": row.values}
        case ReportRow():
            names = REPORT_FIELDS
            groups = {
                "metric": row.metrics,
                "loss": row.losses,
                "weight": row.weights,
                "weighted": row.weighted,
                "exposure": row.exposure,
            }
        case DecisionRow():
            names, groups = DECISION_FIELDS, {}
        case ItemRow():
            names, groups = ITEM_FIELDS, {}
        case PredictionRow():
            names, groups = PREDICTION_FIELDS, {"score": row.scores, "weight": row.weights}
        case ConfirmationRow():
            names, groups = CONFIRMATION_FIELDS, {"metric": row.metrics}
    cells = {name: _in_utc(name, getattr(row, name)) for name in names}
    for prefix, group in groups.items():
        cells |= {f"{prefix}.{key}": value for key, value in group.items()}
    return cells


def file_metadata(columns: RecordColumns, metadata: Mapping[str, str]) -> dict[str, str]:
    """Give the key-value metadata that every part of a sweep carries, keys with their prefix.

    Raises:
        ResultsError: If the caller's metadata has a key that belongs to the schema.

    """
    own = {VERSION_KEY: str(SCHEMA_VERSION), COLUMNS_KEY: columns.to_json()}
    if taken := own.keys() & metadata.keys():
        raise ResultsError(f"metadata must not have the keys of the schema itself; got {', '.join(sorted(taken))}")
    return {f"{METADATA_PREFIX}{key}": value for key, value in {**own, **metadata}.items()}


def check_version(found: object, source: str) -> None:
    """Accept a schema version that this code can read.

    Args:
        found: The version as it was read.
        source: The file it came from, for the message.

    Raises:
        ResultsError: If the version is newer than ours or is no version.

    """
    try:
        version = int(str(found))
    except ValueError as error:
        raise ResultsError(f"{source} has no readable schema version; got {found!r}") from error
    if version > SCHEMA_VERSION:
        raise ResultsError(
            f"{source} has schema version {version}, and this paretune reads versions up to {SCHEMA_VERSION};"
            " upgrade paretune to read it"
        )


def _in_utc(name: str, value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ResultsError(f"{name} must be a time with its zone; got {value!r}")
    return value.astimezone(UTC)
