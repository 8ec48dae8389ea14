"""The same work done in two ways, in turns: what the levers of benchmarks/trials.py are measured with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from spaces import TrialConfig
from trainable.data.collate import Batch, Example, collate
from trainable.data.records import Record
from trainable.data.render import render
from trainable.host import Host

TURNS = 10


@dataclass(frozen=True)
class Pair:
    """CPU seconds of the same work, and what the work is."""

    work: str
    with_s: float
    without_s: float


def batches(config: TrialConfig, host: Host) -> list[list[Record]]:
    """Give the rows of some batches."""
    records, size = list(host.split.train), config.training.batch
    return [records[start : start + size] for start in range(0, TURNS * size, size)]


def kept(records: list[Record], host: Host) -> Batch:
    """Make a batch of what a worker keeps."""
    return collate([host.example(record) for record in records], host.base)


def from_pixels(record: Record, host: Host) -> Example:
    """Make a row anew, as it is done in a data collator."""
    pixels = tuple(host.base.pixels(image.load()) for image in record.images)
    return Example(render(record, host.base.processor), pixels)


def in_turns(ours: Callable[[Any], None], plain: Callable[[Any], None], inputs: list[Any]) -> tuple[float, float]:
    """Give the median CPU seconds of two functions, called in turns on each input; the first calls do not count."""
    spent: tuple[list[float], list[float]] = ([], [])
    for one in [inputs[0], *inputs]:
        for times, call in zip(spent, (ours, plain), strict=True):
            began = time.process_time()
            call(one)
            times.append(time.process_time() - began)
    return median(spent[0][1:]), median(spent[1][1:])
