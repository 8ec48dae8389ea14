"""Reads a sweep's tables with DuckDB in a process of its own, over and over, while drivers and workers die."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb

_log = logging.getLogger(__name__)

TABLES = ("trials", "reports", "decisions")
PAUSE_S = 0.2


@dataclass
class Readings:
    """What a reader saw.

    Attributes:
        count: Tables that were read whole.
        grown: Readings that held more rows than the one before.
        faults: Readings that failed, and rows that were there and then were not.

    """

    count: int = 0
    grown: int = 0
    faults: list[str] = field(default_factory=list)


@contextmanager
def reading(base: Path) -> Iterator[Readings]:
    """Read the newest sweep below a folder until the block ends; the readings are filled in then."""
    spawn = multiprocessing.get_context("spawn")
    stop, outcome = spawn.Event(), spawn.Queue()
    process = spawn.Process(target=_read, args=(base, stop, outcome))
    process.start()
    seen = Readings()
    try:
        yield seen
    finally:
        stop.set()
        found: Readings = outcome.get(timeout=120)
        process.join(60)
        seen.count, seen.grown, seen.faults = found.count, found.grown, found.faults
        _log.info("%s", seen)


def _read(base: Path, stop: Event, outcome: Queue) -> None:
    os.nice(5)
    readings, connection = Readings(), duckdb.connect()
    seen: dict[Path, set[str]] = {}
    while not stop.is_set() and len(readings.faults) < 20:
        sweeps = sorted(path.parent for path in base.glob("*/sweep.json"))
        for table in TABLES if sweeps else ():
            read_table(sweeps[-1] / table, connection, readings, seen.setdefault(sweeps[-1] / table, set()))
        time.sleep(PAUSE_S)
    outcome.put(readings)


def read_table(folder: Path, connection: duckdb.DuckDBPyConnection, readings: Readings, seen: set[str]) -> None:
    """Read all columns of all rows of a table; a row that was there stays as it was."""
    if not seen and not any(folder.glob("*.parquet")):
        return
    try:
        rows = connection.execute(f"SELECT * FROM read_parquet('{folder}/*.parquet')").fetchall()
    except duckdb.Error as error:
        readings.faults.append(f"{folder}: {error!r}")
        return
    now = set(map(repr, rows))
    if len(now) < len(rows):
        readings.faults.append(f"{folder}: {len(rows) - len(now)} rows stand twice")
    if missing := seen - now:
        readings.faults.append(f"{folder}: {len(missing)} of {len(seen)} rows are gone: {min(missing)[:200]}")
    readings.count += 1
    readings.grown += len(now) > len(seen)
    seen.clear()
    seen.update(now)
