"""Training and search rows, split by image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from trainable.data.records import Record
from trainable.errors import DataError


@dataclass(frozen=True)
class Split:
    """Rows that train and rows that score; no image is in both."""

    train: tuple[Record, ...]
    search: tuple[Record, ...]


def split_by_image(records: Sequence[Record], *, search_share: float, seed: int) -> Split:
    """Split rows so that rows which share an image stay together.

    Groups are ordered by a seeded hash, those with a box and those without apart, and the first share of each kind
    scores the trials, at least one of each kind that has two.

    Args:
        records: In any order; the split does not depend on it.
        search_share: Share of the groups, in (0, 1).
        seed: Of the hash.

    Raises:
        DataError: If there are too few groups for two splits.

    """
    groups = _groups(records)
    if len(groups) < 2:
        raise DataError(f"{len(records)} rows share {len(groups)} image groups; a split by image needs at least 2")

    def place(name: str) -> bytes:
        return hashlib.sha256(f"{seed}/{name}".encode()).digest()

    chosen: set[str] = set()
    for with_box in (True, False):
        kind = [name for name, group in groups.items() if any(r.task == "grounding" for r in group) is with_box]
        wanted = min(max(1, round(search_share * len(kind))), len(kind) - 1)
        chosen.update(sorted(kind, key=place)[: max(wanted, 0)])
    if not chosen:  # one group of each kind
        chosen.add(min(groups, key=place))
    search = {record.id for name in chosen for record in groups[name]}
    return Split(
        tuple(record for record in records if record.id not in search),
        tuple(record for record in records if record.id in search),
    )


def data_hash(records: Sequence[Record]) -> str:
    """Hash everything that rows say, in their order: ids, turns, boxes and the keys of their images."""
    whole = hashlib.sha256()
    for record in records:
        turns = [(turn.question, turn.answer) for turn in record.turns]
        images = [image.key for image in record.images]
        whole.update(json.dumps([record.id, record.system, turns, record.boxes_1000, images]).encode())
    return whole.hexdigest()


def _groups(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Group rows that are linked by images; the smallest key names a group."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    names = [[image.key for image in record.images] or [record.id] for record in records]
    for keys in names:
        roots = sorted(root(key) for key in keys)
        for other in roots[1:]:
            parent[other] = roots[0]
    groups: dict[str, list[Record]] = {}
    for record, keys in zip(records, names, strict=True):
        groups.setdefault(root(keys[0]), []).append(record)
    return groups
