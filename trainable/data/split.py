"""Rows that train, that score trials, that confirm what was found, and that give one last score; split by image."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, get_args

from spaces.trial import DataConfig, SplitName
from trainable.data.images import BytesImage, FileImage
from trainable.data.records import ImageSource, Record
from trainable.errors import DataError

SPLITS: tuple[SplitName, ...] = get_args(SplitName)

_FIRST_BYTES = 4096
_FEWEST = 5
_SHOWN = 10


@dataclass(frozen=True)
class Split:
    """The rows of each split; no image is in two, not even as a copy.

    Attributes:
        train: What trials train on.
        search: What scores them while the sweep searches.
        confirm: Kept back, to score what the search found once more.
        test: Kept back, for one last score.

    """

    train: tuple[Record, ...]
    search: tuple[Record, ...]
    confirm: tuple[Record, ...] = ()
    test: tuple[Record, ...] = ()

    def only(self, ids: Iterable[str]) -> Split:
        """Give the same splits with the rows of these ids alone."""
        kept = set(ids)
        return replace(self, **{name: tuple(r for r in rows if r.id in kept) for name, rows in vars(self).items()})


@dataclass(frozen=True)
class _Group:
    """Rows that share images, or that are the same text."""

    name: str
    records: tuple[Record, ...]

    @property
    def kind(self) -> tuple[int, bool]:
        """What groups are shared out apart by: the first source, and whether there is a box."""
        return min(record.source for record in self.records), any(r.task == "grounding" for r in self.records)


def split_records(records: Sequence[Record], config: DataConfig) -> Split:
    """Split rows so that those which share an image, or are one text, stay together; a copy of an image is the image.

    A source may name the split of its rows; then that split takes no share of the others. The other groups are ordered
    by a seeded hash of the images' names within their data set, those of each source apart, and of these those with a
    box and those without; sources of less than five groups of a kind are pooled. The first share of each kind is
    ``search``, the next ``confirm``, the next ``test``, and the rest ``train``. A kind of two groups or more has at
    least one in ``search`` and one in ``train``.

    Args:
        records: In any order; the split does not depend on it, nor on the folder of the data.
        config: Shares and seed, and the splits of sources.

    Raises:
        DataError: If an image is in two splits that sources name, or if nothing is left to train on or to score.

    """
    groups = _groups(records)
    told: dict[int, SplitName] = {index: one.split for index, one in enumerate(config.sources) if one.split}
    chosen: dict[str, SplitName] = {}
    for group in groups:
        names: set[SplitName] = {told[record.source] for record in group.records if record.source in told}
        if len(names) > 1:
            _complain_of_leaks(groups, told)
        if names:
            chosen[group.name] = names.pop()
    free = [group for group in groups if group.name not in chosen]
    shares: Mapping[SplitName, float] = {
        "search": 0.0 if "search" in told.values() else config.search_share,
        "confirm": 0.0 if "confirm" in told.values() else config.confirm_share,
        "test": 0.0 if "test" in told.values() else config.test_share,
    }
    for alike in _kinds(free):
        chosen |= _shared_out(alike, shares, seed=config.split_seed, trains="train" not in told.values())
    place = {record.id: chosen[group.name] for group in groups for record in group.records}
    split = Split(**{name: tuple(record for record in records if place[record.id] == name) for name in SPLITS})
    if not split.search and "search" not in told.values() and len(free) > 1:  # one group of each kind
        first = min((group for group in free), key=lambda group: _hash(config.split_seed, group.name))
        moved = {record.id for record in first.records}
        split = Split(
            tuple(r for r in records if r.id not in moved and place[r.id] == "train"),
            first.records,
            split.confirm,
            split.test,
        )
    for name in ("train", "search"):
        if not getattr(split, name):
            raise DataError(
                f"{len(records)} rows share {len(groups)} image groups; a split by image needs at least 2, or sources "
                f"that name their split (none is left for {name})"
            )
    return split


def _kinds(groups: Sequence[_Group]) -> list[list[_Group]]:
    """Put groups together that are shared out together; sources of few groups are pooled."""
    counts = Counter(group.kind for group in groups)
    kinds: dict[tuple[int, bool], list[_Group]] = {}
    for group in groups:
        source, has_box = group.kind
        kinds.setdefault((source if counts[group.kind] >= _FEWEST else -1, has_box), []).append(group)
    return [kinds[kind] for kind in sorted(kinds)]


def _shared_out(
    groups: Sequence[_Group], shares: Mapping[SplitName, float], *, seed: int, trains: bool
) -> dict[str, SplitName]:
    """Give each group of one kind its split."""
    ordered = sorted(groups, key=lambda group: _hash(seed, group.name))
    chosen: dict[str, SplitName] = {}
    for name, share in shares.items():
        spare = len(ordered) - len(chosen) - trains
        count = min(max(1, round(share * len(ordered))), max(spare, 0)) if share else 0
        chosen |= dict.fromkeys((group.name for group in ordered[len(chosen) : len(chosen) + count]), name)
    return {**dict.fromkeys((group.name for group in ordered), "train"), **chosen}


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def data_hash(records: Sequence[Record]) -> str:
    """Hash all that rows say, in their order, and names and sizes of their images; not where these lie."""
    whole = hashlib.sha256()
    for record in records:
        turns = [(turn.question, turn.answer, turn.is_supervised) for turn in record.turns]
        images = [(image.label, image.size, _byte_count(image)) for image in record.images]
        whole.update(
            json.dumps([record.id, record.system, turns, record.boxes_1000, images, record.references]).encode()
        )
    return whole.hexdigest()


def _byte_count(image: ImageSource) -> int:
    return image.byte_count if isinstance(image, FileImage | BytesImage) else 0


def _groups(records: Sequence[Record]) -> list[_Group]:
    """Group rows that are linked by images, or by being the same text."""
    pictures = _pictures(records)
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    links = [[pictures[image.key] for image in record.images] or [_text(record)] for record in records]
    for keys in links:
        roots = sorted(root(key) for key in keys)
        for other in roots[1:]:
            parent[root(other)] = root(roots[0])
    members: dict[str, list[Record]] = {}
    for record, keys in zip(records, links, strict=True):
        members.setdefault(root(keys[0]), []).append(record)
    named = [(min(_label(record) for record in group), tuple(group)) for group in members.values()]
    taken: dict[str, int] = {}
    groups: list[_Group] = []
    for name, group in sorted(named, key=lambda one: (one[0], min((record.source, record.id) for record in one[1]))):
        taken[name] = taken.get(name, 0) + 1
        groups.append(_Group(name if taken[name] == 1 else f"{name} ({taken[name]})", group))
    return groups


def _label(record: Record) -> str:
    return min((image.label for image in record.images), default=_text(record))


def _text(record: Record) -> str:
    said = json.dumps([record.system, *((turn.question, turn.answer) for turn in record.turns)])
    return f"text:{hashlib.sha256(said.encode()).hexdigest()}"


def _pictures(records: Sequence[Record]) -> dict[str, str]:
    """Map the key of every image to that of the first with the same bytes.

    Only files of one size can be the same, so that few are read: their beginnings first, whole where those agree.
    """
    images = {image.key: image for record in records for image in record.images}
    same = {key: key for key in images}
    files = [image for image in images.values() if isinstance(image, FileImage | BytesImage)]
    for alike in _alike(files, lambda image: image.byte_count):
        for close in _alike(alike, lambda image: image.digest(_FIRST_BYTES)):
            for equal in _alike(close, lambda image: image.digest()):
                same |= {image.key: equal[0].key for image in equal}
    return same


_Image = FileImage | BytesImage


def _alike(images: Iterable[_Image], trait: Callable[[_Image], object]) -> list[list[_Image]]:
    """Group images by a trait; those that share it with no other are left out."""
    groups: dict[object, list[_Image]] = {}
    for image in images:
        groups.setdefault(trait(image), []).append(image)
    return [group for group in groups.values() if len(group) > 1]


def _complain_of_leaks(groups: Sequence[_Group], told: Mapping[int, SplitName]) -> NoReturn:
    lines: list[str] = []
    for group in groups:
        rows_of: dict[SplitName, Record] = {}
        for record in group.records:
            if record.source in told:
                rows_of.setdefault(told[record.source], record)
        if len(rows_of) > 1:
            rows = " and ".join(f"{record.words} in {name}" for name, record in rows_of.items())
            lines.append(f"  {_label(group.records[0])}: {rows}")
    more = [f"  and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    first = f"{len(lines)} images or texts are in two splits that sources name:"
    last = "Remove them from one, so that no score is of what was trained on"
    raise DataError("\n".join([first, *lines[:_SHOWN], *more, last]))
