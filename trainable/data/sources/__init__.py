"""Readers: one module for each format, each giving records and the rows that it refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spaces.trial import DataConfig, ShapesSource
from trainable.data.sources.coco import read_coco
from trainable.data.sources.llamafactory import read_llamafactory
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.data.sources.shapes import read_shapes


def _shapes(config: ShapesSource) -> ReadResult:
    return ReadResult(tuple(read_shapes(domain=config.domain, scenes=config.scenes, seed=config.seed)))


READERS: Mapping[str, Callable[[Any], ReadResult]] = {
    "shapes": _shapes,
    "coco": read_coco,
    "llamafactory": read_llamafactory,
}


def read_sources(config: DataConfig) -> ReadResult:
    """Read all data sets of a sweep, in order.

    Raises:
        DataError: If a data set as a whole can't be read.

    """
    results = [READERS[source.source](source) for source in config.sources]
    return ReadResult(
        records=tuple(record for result in results for record in result.records),
        refused=tuple(row for result in results for row in result.refused),
        notes=tuple(note for result in results for note in result.notes),
    )


__all__ = ["READERS", "ReadResult", "RefusedRow", "read_sources"]
