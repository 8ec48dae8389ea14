"""Makes a sweep's folder with known content, without training anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from results import DecisionRow, Objective, RecordColumns, RecordWriter, ReportRow, TrialRow, write_sweep_json
from results.schema import Row, TableName, file_metadata, row_cells, table_schema

START = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
MIOU = "grounding.miou"
TEXT = "text.token_f1"
COLUMNS = RecordColumns(
    params={"adapter.rank": "int", "optimizer.learning_rate": "float", "mixture.weighting": "str", "pacing.on": "bool"},
    objectives=(Objective(MIOU, "maximize", 0, 1), Objective(TEXT, "maximize", 0, 1)),
    metrics=(
        MIOU,
        "grounding.parse_failure_rate",
        "grounding.constant_box_miou",
        "grounding.constant_box_acc50",
        TEXT,
    ),
    terms=("text_ce", "box_l1"),
    row_scores=(MIOU, "grounding.parse_failure_rate", "grounding.duplicate_rate", TEXT),
)
METADATA = {
    "sweep": '{"name": "made", "seed": 7}',
    "git_sha": "0123abc",
    "data_sha256": "feed",
    "versions": '{"paretune": "0.1.0"}',
    "machine": "test bench",
}
RUNGS = (10, 20, 40)


@dataclass(frozen=True)
class MadeTrial:
    """A trial as a test wants it: by default complete, at the last rung, with its last report equal to its values."""

    values: tuple[float, ...] = ()
    state: str = "COMPLETE"
    role: str = "search"
    reason: str = "final step reached"
    stopped_at: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    parse_failure_rate: float | None = 0.02
    constant_box_miou: float | None = 0.17
    constant_box_acc50: float | None = 0.04
    going_on: str = "too few finished trials"


def complete(*values: float, **settings: Any) -> MadeTrial:
    return MadeTrial(values=values, **settings)


def baseline(*values: float, **settings: Any) -> MadeTrial:
    return MadeTrial(values=values, role="baseline", **settings)


def pruned(step: int, *values: float, **settings: Any) -> MadeTrial:
    reason = f"below the median of 6 finished trials in all objectives at step {step}"
    return MadeTrial(values=values, state="PRUNED", reason=reason, stopped_at=step, **settings)


def failed(reason: str = "out of memory", *, stopped_at: int = 0, **settings: Any) -> MadeTrial:
    return MadeTrial(state="FAIL", reason=reason, stopped_at=stopped_at, **settings)


def made_rows(trials: Iterable[MadeTrial], *, columns: RecordColumns = COLUMNS) -> list[Row]:
    """Give the rows of these trials, numbered from 0, in the order a driver would write them."""
    rows: list[Row] = []
    names = [objective.name for objective in columns.objectives]
    for number, trial in enumerate(trials):
        started = START + timedelta(minutes=10 * number)
        last = RUNGS[-1] if trial.stopped_at is None else trial.stopped_at
        final = dict(zip(names, trial.values, strict=False))
        for step in (rung for rung in RUNGS if rung <= last):
            scores: dict[str, float | None] = {name: value * step / last for name, value in final.items()}
            scores["grounding.parse_failure_rate"] = trial.parse_failure_rate
            scores["grounding.constant_box_miou"] = trial.constant_box_miou
            scores["grounding.constant_box_acc50"] = trial.constant_box_acc50
            at = started + timedelta(seconds=6 * step)
            rows.append(
                ReportRow(
                    trial=number,
                    attempt=0,
                    step=step,
                    progress=step / RUNGS[-1],
                    seconds=6.0 * step,
                    recorded=at,
                    metrics={name: score for name, score in scores.items() if name in columns.metrics},
                    losses={"text_ce": 2.0 / step, "box_l1": None},
                    weights={"text_ce": 1.0, "box_l1": 0.5},
                    weighted={"text_ce": 2.0 / step, "box_l1": 0.025},
                )
            )
            stops = trial.state == "PRUNED" and step == last
            rows.append(
                DecisionRow(
                    trial=number,
                    attempt=0,
                    step=step,
                    verdict="STOP" if stops else "CONTINUE",
                    pruner="median_all",
                    reason=trial.reason if stops else trial.going_on,
                    recorded=at,
                )
            )
        rows.append(
            TrialRow(
                trial=number,
                state=trial.state,  # type: ignore[arg-type]
                reason=trial.reason,
                role=trial.role,  # type: ignore[arg-type]
                attempt=0,
                steps=last,
                seconds=6.0 * last,
                seed=1000 + number,
                started=started,
                ended=started + timedelta(seconds=6 * last),
                params=trial.params,
                values=final if trial.state == "COMPLETE" else {},
            )
        )
    return rows


def append(writer: RecordWriter, row: Row) -> None:
    match row:
        case TrialRow():
            writer.append_trial(row)
        case ReportRow():
            writer.append_report(row)
        case DecisionRow():
            writer.append_decision(row)


def make_sweep(
    folder: Path,
    trials: Sequence[MadeTrial],
    *,
    columns: RecordColumns = COLUMNS,
    metadata: Mapping[str, str] = METADATA,
) -> Path:
    """Write a sweep through the real writer."""
    write_sweep_json(folder, columns, metadata=metadata)
    writer = RecordWriter(folder, columns, metadata)
    for row in made_rows(trials, columns=columns):
        append(writer, row)
    return folder


def make_large_sweep(
    folder: Path,
    trials: Sequence[MadeTrial],
    *,
    columns: RecordColumns = COLUMNS,
    metadata: Mapping[str, str] = METADATA,
) -> Path:
    """Write a sweep's tables in one part each, for tests that need no durable append and are quicker without."""
    write_sweep_json(folder, columns, metadata=metadata)
    rows = made_rows(trials, columns=columns)
    kinds: Mapping[TableName, type[Row]] = {"trials": TrialRow, "reports": ReportRow, "decisions": DecisionRow}
    for table, kind in kinds.items():
        schema = table_schema(table, columns).with_metadata(file_metadata(columns, metadata))
        (folder / table).mkdir()
        cells = [row_cells(row) for row in rows if isinstance(row, kind)]
        pq.write_table(pa.Table.from_pylist(cells, schema), folder / table / "part-00000.parquet")
    return folder
