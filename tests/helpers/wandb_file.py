"""What Weights & Biases writes offline: a log of protobuf records in LevelDB's format, for which it has no reader."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK = 32 * 2**10
_FILE_HEADER = 7
_RECORD_HEADER = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclass
class OfflineRun:
    """A run as its file tells it.

    Attributes:
        run_id: Of the run.
        name: That it is shown under.
        project: That it belongs to.
        group: The sweep.
        config: What was drawn.
        history: One mapping for each step.
        summary: The last values.
        exit_code: How it ended; ``None`` if it did not.

    """

    run_id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


def read_offline(path: Path) -> OfflineRun:
    """Read a ``.wandb`` file."""
    from wandb.proto import wandb_internal_pb2

    run = OfflineRun()
    for data in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        match record.WhichOneof("record_type"):
            case "run":
                run.run_id, run.name = record.run.run_id, record.run.display_name
                run.project, run.group = record.run.project, record.run.run_group
                run.config |= _values(record.run.config.update)
            case "history":
                run.history.append(_values(record.history.item))
            case "summary":
                run.summary |= _values(record.summary.update)
            case "exit":
                run.exit_code = record.exit.exit_code
            case _:
                continue
    return run


def _values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[bytes]:
    """Give the records of a LevelDB log; one that does not fit into its block goes on in the next."""
    assert data[:4] == b":W&B"
    place, parts = _FILE_HEADER, b""
    while place + _RECORD_HEADER.size <= len(data):
        left = _BLOCK - place % _BLOCK
        if left < _RECORD_HEADER.size:
            place += left
            continue
        _, length, kind = _RECORD_HEADER.unpack_from(data, place)
        place += _RECORD_HEADER.size
        part = data[place : place + length]
        place += length
        match kind:
            case 1 | 2:
                parts = part
            case 3 | 4:
                parts += part
            case _:
                return
        if kind in (_FULL, _LAST):
            yield parts
