"""A sweep's folder as a driver leaves it after thousands of trials, made in a minute or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from driver_loop import Loop, Silent, full_reports

from results import DecisionRow, PredictionRow, RecordColumns, ReportRow, TrialRow, write_sweep_json
from results.parts import part_path
from results.schema import TABLES, TableName, file_metadata, row_cells, table_schema
from results.writer import ROWS_PER_PART
from search.companion import Companion
from search.hub import Hub
from search.memory_study import memory_studies
from search.pruners import make_pruner
from search.recorder import Recorder, record_columns
from search.simulator import NoCheckpoints, NoRequests
from search.spec import SamplerConfig, SweepSpec
from search.study import open_studies
from search.sweep_spec import SPEC_KEY


class _BulkWriter:
    """Keeps rows and writes them at the end, in parts like those of ``RecordWriter``."""

    def __init__(self, columns: RecordColumns, metadata: Mapping[str, str]) -> None:
        self._columns, self._metadata = columns, metadata
        self._rows: dict[TableName, list[Mapping[str, Any]]] = {table: [] for table in TABLES}

    def append_trial(self, row: TrialRow) -> None:
        """Keep a trial."""
        self._rows["trials"].append(row_cells(row))

    def append_report(self, row: ReportRow) -> None:
        """Keep a report."""
        self._rows["reports"].append(row_cells(row))

    def append_predictions(self, rows: Sequence[PredictionRow]) -> None:
        """Keep answers."""
        self._rows["predictions"].extend(map(row_cells, rows))

    def append_decision(self, row: DecisionRow) -> None:
        """Keep a decision."""
        self._rows["decisions"].append(row_cells(row))

    def write(self, folder: Path) -> None:
        """Write all parts."""
        metadata = file_metadata(self._columns, self._metadata)
        for table, rows in self._rows.items():
            schema = table_schema(table, self._columns).with_metadata(metadata)
            (folder / table).mkdir(parents=True, exist_ok=True)
            for number, first in enumerate(range(0, len(rows), ROWS_PER_PART)):
                part = pa.Table.from_pylist(rows[first : first + ROWS_PER_PART], schema=schema)
                path = part_path(folder, table, number=number)
                pq.write_table(part, path, row_group_size=1, use_dictionary=False, write_statistics=False)


def make_sweep(spec: SweepSpec, folder: Path, *, ended: int) -> None:
    """Make a sweep's folder in which so many trials have ended and none runs.

    The hub is the real one, in memory and with random points; study and record are then written in bulk.

    Args:
        spec: The sweep.
        folder: Of the sweep.
        ended: Number of trials.

    """
    metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": ""}
    write_sweep_json(folder, record_columns(spec), metadata=metadata)
    directions = [objective.direction for objective in spec.objectives]
    kept = memory_studies(directions)
    writer = _BulkWriter(record_columns(spec), metadata)
    recorder = Recorder(folder, spec, metadata)
    recorder._writer = writer  # type: ignore[assignment]
    search = spec.search.model_copy(update={"trials": ended, "sampler": SamplerConfig(name="random")})
    drawn = spec.model_copy(update={"search": search})
    hub = Hub(
        drawn,
        kept.main,
        companion=Companion(kept.companion, [objective.metric for objective in spec.objectives]),
        recorder=recorder,
        pruner=make_pruner(drawn, kept.companion),
        listener=Silent(),
        is_over=lambda: False,
        files=NoCheckpoints(),
        requests=NoRequests(),
    )
    Loop(hub, full_reports, workers=search.concurrency).run(until=ended)
    studies = open_studies(folder, storage=spec.search.storage, directions=directions)
    studies.main.add_trials(kept.main.get_trials(deepcopy=False))
    studies.companion.add_trials(kept.companion.get_trials(deepcopy=False))
    writer.write(folder)
