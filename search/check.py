"""What the data of a sweep holds, before any model is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from search.errors import CheckError
from search.spec import SweepSpec
from spaces.curriculum import Difficulty
from trainable.data.difficulty import difficulty_of
from trainable.data.images import BytesImage, FileImage, image_fault
from trainable.data.records import Record
from trainable.data.sources import RefusedRow, read_sources
from trainable.data.split import data_hash, split_by_image
from trainable.errors import DataError

_SHOWN = 10


@dataclass(frozen=True)
class DataSummary:
    """The rows of a sweep.

    Attributes:
        counts: Rows by split and task, e.g. ``{"train": {"grounding": 80, "text": 80}, "search": …}``.
        kinds: Kept rows by what they ask.
        refused: Every row that was not kept, with its reason.
        notes: What a reader decided and did not use.
        data_hash: Of the kept rows.

    """

    counts: Mapping[str, Mapping[str, int]]
    kinds: Mapping[str, int]
    refused: tuple[RefusedRow, ...]
    notes: tuple[str, ...]
    data_hash: str

    def lines(self) -> list[str]:
        """Say it in lines, the first refused rows of each reason included."""
        lines = [f"{split}: {_words(counts)}" for split, counts in self.counts.items()]
        lines.append(f"kinds: {_words(self.kinds)}")
        lines.extend(self.notes)
        return [*lines, *_refused_lines(self.refused)]


def _refused_lines(refused: Sequence[RefusedRow]) -> list[str]:
    """Say how many rows were refused, and why the first ones were."""
    lines = [f"refused: {len(refused)} rows", *(f"  {_refused_line(row)}" for row in refused[:_SHOWN])]
    if len(refused) > _SHOWN:
        lines.append(f"  and {len(refused) - _SHOWN} more; paretune check --refused FILE writes all of them to a file")
    return lines


def _refused_line(row: RefusedRow) -> str:
    return f"{row.file} row {row.row}: {row.reason}"


def _write_refused(path: Path, refused: Sequence[RefusedRow]) -> None:
    try:
        path.write_text("".join(f"{_refused_line(row)}\n" for row in refused), encoding="utf-8")
    except OSError as error:
        raise CheckError(f"--refused: {path} can't be written: {error.strerror}") from error


def check_data(spec: SweepSpec, *, refused_to: Path | None = None) -> DataSummary:
    """Read and split all rows, and see that both objectives apply.

    Args:
        spec: The sweep.
        refused_to: A file for all refused rows, one a line, with their reasons; written also if the check fails.

    Raises:
        CheckError: If the data can't be read, gives too few rows, supports an objective in no row or can't be paced as
            the space says, or the model's folder does not exist.

    """
    model = Path(spec.model.path)
    if model.is_absolute() and not (model / "config.json").exists():
        raise CheckError(f"model.path: {model} is no model folder (it has no config.json)")
    try:
        read = read_sources(spec.data)
    except DataError as error:
        raise CheckError(f"data: {error}") from error
    if refused_to is not None:
        _write_refused(refused_to, read.refused)
    try:
        split = split_by_image(read.records, search_share=spec.data.search_share, seed=spec.data.split_seed)
    except DataError as error:
        told = _refused_lines(read.refused) if read.refused else []
        raise CheckError("\n".join([f"data: {error}", *read.notes, *told])) from error
    counts = {name: dict(Counter(row.task for row in rows)) for name, rows in vars(split).items()}
    for objective in spec.objectives:
        task = objective.metric.split(".", maxsplit=1)[0]
        if not counts["search"].get(task):
            raise CheckError(
                f"objectives: {objective.metric} does not apply: the search split has no {task} row "
                f"({_words(counts['search'])}); add such data or choose another objective"
            )
    _check_images(read.records)
    _check_pacing(spec, split.train)
    _check_mix(spec, split.train)
    return DataSummary(
        counts, Counter(record.kind for record in read.records), read.refused, read.notes, data_hash(read.records)
    )


def _check_images(records: Sequence[Record]) -> None:
    """Decode every image once, so that no trial stops at one that is damaged."""
    rows: dict[str, str] = {}
    images: dict[str, FileImage | BytesImage] = {}
    for record in records:
        for image in record.images:
            if isinstance(image, FileImage | BytesImage):
                images.setdefault(image.key, image)
                rows.setdefault(image.key, record.id)
    with ThreadPoolExecutor() as pool:  # decoders leave Python's lock
        faults = dict(zip(images, pool.map(image_fault, images.values()), strict=True))
    found = [f"  {rows[key]}: {fault}" for key, fault in faults.items() if fault]
    if found:
        more = [f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        first = f"data: {len(found)} of {len(images)} images can't be used; mend them or remove their rows"
        raise CheckError("\n".join([first, *found[:_SHOWN], *more]))


def _check_pacing(spec: SweepSpec, train: Sequence[Record]) -> None:
    """See that a pacing has rows to sort, and that what sorts them differs between rows."""
    pacings = set(spec.space.possible("curriculum.pacing")) - {"none"}
    grounding = [record for record in train if record.task == "grounding"]
    if pacings and not grounding:
        raise CheckError("space.curriculum.pacing: the training split has no grounding row to pace; set it to none")
    if not pacings - {"self_paced"}:
        return
    for difficulty in get_args(Difficulty):
        if difficulty in ("base_loss", "random") or difficulty not in spec.space.possible("curriculum.difficulty"):
            continue
        measures = {record.id: difficulty_of(record, difficulty) for record in grounding}
        key = f"space.curriculum.difficulty: {difficulty}"
        if unknown := [name for name, measure in measures.items() if measure is None]:
            raise CheckError(
                f"{key} is unknown for {len(unknown)} of {len(grounding)} rows, such as {unknown[0]}; choose another"
            )
        if len(grounding) > 1 and len(set(measures.values())) == 1:
            raise CheckError(f"{key} is the same for all {len(grounding)} rows and sorts nothing; choose another")


def _check_mix(spec: SweepSpec, train: Sequence[Record]) -> None:
    """See that every source that gets a share has rows to draw."""
    if not {"sources", "temperature"} & set(spec.space.possible("curriculum.mix")):
        return
    missing = set(range(len(spec.data.sources))) - {record.source for record in train}
    if missing:
        raise CheckError(
            f"space.curriculum.mix: data.sources.{min(missing)} has no training row to take a share of; remove it, or "
            "choose another mix"
        )


def check_same_data(spec: SweepSpec, *, data_hash: str) -> None:
    """See that the data still are those that a sweep was started with.

    Raises:
        CheckError: If a row was added, removed or changed, or the data can't be read any more.

    """
    if check_data(spec).data_hash != data_hash:
        raise CheckError("data: rows were added, removed or changed since the sweep was started; start a new sweep")


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no rows"
