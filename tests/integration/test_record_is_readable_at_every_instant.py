"""Readers in other processes never fail and never see half a row while the writer appends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from made_sweep import COLUMNS, METADATA, complete, made_rows

from results import RecordWriter, ReportRow, read_sweep, write_sweep_json

ROWS = 400
SPAWN = multiprocessing.get_context("spawn")


def through_one_duckdb(folder: Path) -> Callable[[], list[tuple[int, float]]]:
    connection = duckdb.connect()
    query = f"SELECT * FROM '{folder}/reports/*.parquet'"
    return lambda: pairs(connection.execute(query).df())


def through_fresh_duckdb(folder: Path) -> Callable[[], list[tuple[int, float]]]:
    query = f"SELECT * FROM '{folder}/reports/*.parquet'"
    return lambda: pairs(duckdb.connect().execute(query).df())


def through_pandas(folder: Path) -> Callable[[], list[tuple[int, float]]]:
    return lambda: pairs(pd.read_parquet(folder / "reports"))


def through_our_reader(folder: Path) -> Callable[[], list[tuple[int, float]]]:
    return lambda: pairs(read_sweep(folder).reports)


def pairs(frame: pd.DataFrame) -> list[tuple[int, float]]:
    return sorted(zip(frame["trial"], frame["metric.grounding.miou"], strict=True))


READERS = (through_one_duckdb, through_fresh_duckdb, through_pandas, through_our_reader)


def example() -> ReportRow:
    return next(row for row in made_rows([complete(0.4, 0.5)]) if isinstance(row, ReportRow))


def numbered(report: ReportRow, number: int) -> ReportRow:
    return replace(report, trial=number, metrics={"grounding.miou": number / ROWS})


def read_until(stop: Event, make_reader: Callable, folder: Path, started: Event, outcome: Queue) -> None:
    """Check each reading: rows 0..n-1, each once, each with its own score, n never smaller than before."""
    read, readings, seen, wrong = make_reader(folder), 0, 0, []
    while not stop.is_set() and not wrong:
        try:
            rows = read()
        except Exception as error:
            wrong.append(repr(error))
        else:
            if rows != [(number, number / ROWS) for number in range(len(rows))] or len(rows) < seen:
                wrong.append(f"{len(rows)} rows after {seen}: {rows[:5]}")
            seen = len(rows)
        readings += 1
        started.set()
    outcome.put((make_reader.__name__, readings, wrong))


@pytest.mark.parametrize("readers", [READERS[:2], READERS[2:]], ids=["duckdb", "pandas"])
def test_readers_beside_the_writer_see_whole_rows_once_and_in_order(tmp_path, readers):
    write_sweep_json(tmp_path, COLUMNS, metadata=METADATA)
    writer, report = RecordWriter(tmp_path, COLUMNS, METADATA), example()
    writer.append_report(numbered(report, 0))
    stop, outcome = SPAWN.Event(), SPAWN.Queue()
    starts = [SPAWN.Event() for _ in readers]
    processes = [
        SPAWN.Process(target=read_until, args=(stop, reader, tmp_path, start, outcome))
        for reader, start in zip(readers, starts, strict=True)
    ]
    for process in processes:
        process.start()
    assert all(start.wait(120) for start in starts)
    for number in range(1, ROWS):
        writer.append_report(numbered(report, number))
    stop.set()
    outcomes = [outcome.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    for name, readings, wrong in outcomes:
        assert not wrong, name
        assert readings > 10, name
    assert len(read_sweep(tmp_path).reports) == ROWS


def append_for_ever(folder: Path, started: Event) -> None:
    writer, report = RecordWriter(folder, COLUMNS, METADATA), example()
    for number in range(100_000):
        writer.append_report(numbered(report, number))
        started.set()


def test_a_writer_killed_at_any_moment_leaves_a_record_that_the_next_writer_continues(tmp_path):
    write_sweep_json(tmp_path, COLUMNS, metadata=METADATA)
    rows = 0
    for wait_s in (0.0, 0.013, 0.051, 0.107):
        started = SPAWN.Event()
        process = SPAWN.Process(target=append_for_ever, args=(tmp_path, started))
        process.start()
        assert started.wait(120)
        time.sleep(wait_s)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(60)
        found = len(read_sweep(tmp_path).reports)
        assert found > rows
        assert duckdb.execute(f"SELECT count(*) FROM '{tmp_path}/reports/*.parquet'").fetchall() == [(found,)]
        rows = found
    RecordWriter(tmp_path, COLUMNS, METADATA).append_report(numbered(example(), rows))
    assert len(pd.read_parquet(tmp_path / "reports")) == rows + 1
    assert not list(tmp_path.glob("*/.*"))
