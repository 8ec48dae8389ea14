"""Readers: one module for each format, each giving records and the rows that it refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from spaces.trial import AutoSource, DataConfig, ShapesSource
from trainable.data.records import Record
from trainable.data.sources.auto import resolved
from trainable.data.sources.coco import read_coco
from trainable.data.sources.llamafactory import read_llamafactory
from trainable.data.sources.refcoco import read_refcoco
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.data.sources.rows import read_rows
from trainable.data.sources.shapes import read_shapes
from trainable.data.sources.voc import read_voc
from trainable.data.sources.vqa import read_vqa
from trainable.data.sources.yolo import read_yolo


def _shapes(config: ShapesSource) -> ReadResult:
    return ReadResult(tuple(read_shapes(domain=config.domain, scenes=config.scenes, seed=config.seed)))


def _auto(config: AutoSource) -> ReadResult:
    found, why = resolved(config)
    result = READERS[found.source](found)
    return replace(result, notes=(why, *result.notes))


READERS: Mapping[str, Callable[[Any], ReadResult]] = {
    "shapes": _shapes,
    "auto": _auto,
    "coco": read_coco,
    "llamafactory": read_llamafactory,
    "refcoco": read_refcoco,
    "rows": read_rows,
    "voc": read_voc,
    "vqa": read_vqa,
    "yolo": read_yolo,
}


def read_sources(config: DataConfig) -> ReadResult:
    """Read all data sets of a sweep, in order; no two rows have one id.

    Raises:
        DataError: If a data set as a whole can't be read.

    """
    results = [READERS[source.source](source) for source in config.sources]
    return ReadResult(
        records=tuple(
            _with_own_ids(
                replace(record, source=index) for index, result in enumerate(results) for record in result.records
            )
        ),
        refused=tuple(row for result in results for row in result.refused),
        notes=tuple(note for result in results for note in result.notes),
    )


def _with_own_ids(records: Iterable[Record]) -> Iterator[Record]:
    """Tell apart rows of one id, which files of one name in two folders give; tokens are kept by id."""
    seen: Counter[str] = Counter()
    taken: set[str] = set()
    for record in records:
        own = record.id
        while own in taken:
            seen[record.id] += 1
            own = f"{record.id} ({seen[record.id] + 1})"
        taken.add(own)
        yield replace(record, id=own)


__all__ = ["READERS", "ReadResult", "RefusedRow", "read_sources"]
