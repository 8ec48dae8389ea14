"""The examples that models are scored on, as the record keeps them."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from results import ItemRow, RecordWriter, read_sweep_json
from results.parts import list_parts
from results.rows import ScoredSplit
from search.recorder import record_columns
from search.spec import SweepSpec
from trainable.data.records import TASKS, ImageSource, Record, interleaved
from trainable.data.split import Split
from trainable.errors import DataError
from trainable.evaluation.slices import slices_of

_log = logging.getLogger(__name__)

MOST_THUMBNAILS = 24
THUMBNAIL_PX = 320
_QUALITY = 80


def record_items(folder: Path, spec: SweepSpec, items: Callable[[], Sequence[ItemRow]]) -> None:
    """Record a sweep's examples, unless they are recorded.

    Args:
        folder: With its ``sweep.json``.
        spec: The sweep.
        items: Gives them; called only if they are needed, since it opens images.

    Raises:
        ResultsError: If the record can't be read.
        OSError: If it can't be written.

    """
    if not list_parts(folder, "items"):
        metadata = read_sweep_json(folder).metadata
        RecordWriter(folder, record_columns(spec), metadata).append_items(items())


def item_rows(split: Split) -> list[ItemRow]:
    """Give all rows that are not trained on, a few of the search split with a small picture of their image."""
    pictures = _thumbnails(split.search)
    return [
        *(_row("search", record, pictures.get(record.id)) for record in split.search),
        *(_row("confirm", record) for record in split.confirm),
        *(_row("test", record) for record in split.test),
    ]


def _row(split: ScoredSplit, record: Record, thumbnail: bytes | None = None) -> ItemRow:
    turn, image = record.turns[-1], record.images[0] if record.images else None
    width, height = image.size if image else (None, None)
    return ItemRow(
        split=split,
        item=record.id,
        task=record.task,
        kind=record.kind,
        source=record.source,
        image=image.label if image else "",
        width=width,
        height=height,
        question=turn.question,
        answer=turn.answer,
        references=record.references,
        boxes_1000=tuple(float(value) for box in record.boxes_1000 for value in box),
        slices=slices_of(record),
        thumbnail=thumbnail,
    )


def _thumbnails(records: Sequence[Record]) -> Mapping[str, bytes]:
    """Give small pictures for rows that trials are scored on first, as many of either task as there are."""
    ordered = [record for record in interleaved(tuple(records)) if record.images]
    of_task = {task: [record for record in ordered if record.task == task] for task in TASKS}
    fewest = MOST_THUMBNAILS // len(TASKS)
    spare = {task: max(fewest - len(rows), 0) for task, rows in of_task.items()}
    chosen = [
        record
        for task, rows in of_task.items()
        for record in rows[: fewest + sum(room for other, room in spare.items() if other != task)]
    ]
    pictures = {record.id: _thumbnail(record.images[0]) for record in chosen}
    return {name: picture for name, picture in pictures.items() if picture is not None}


def _thumbnail(source: ImageSource) -> bytes | None:
    """Give an image as a JPEG of at most 320 pixels a side; one that can't be opened has none."""
    try:
        image = source.load()
    except DataError as error:
        _log.warning("no thumbnail: %s", error)
        return None
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
