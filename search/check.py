"""What the data of a sweep holds, before any model is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from search.check_base import check_base_files, check_base_folder
from search.check_refused import grouped, refused_lines, rows_of
from search.errors import CheckError
from search.spec import SweepSpec
from spaces.curriculum import Difficulty
from trainable.data.difficulty import difficulty_of
from trainable.data.images import BytesImage, FileImage, image_fault
from trainable.data.prepare import EmptySplitError, PreparedData, prepared
from trainable.data.records import Record
from trainable.data.sources import RefusedRow, read_sources
from trainable.data.split import data_hash
from trainable.errors import DataError, ModelError
from trainable.evaluation.applicable import is_applicable
from trainable.model.load import Processor, load_processor

_SHOWN = 10


@dataclass(frozen=True)
class CheckedData:
    """The rows of a sweep, and what was found.

    Attributes:
        prepared: Rows that were kept and refused, by split.
        processor: Of the model; ``None`` if this machine does not hold it.
        processor_fault: Why it is absent.
        data_hash: Of the kept rows.

    """

    prepared: PreparedData
    processor: Processor | None
    processor_fault: str | None
    data_hash: str

    @property
    def refused(self) -> tuple[RefusedRow, ...]:
        """Every row that is not used, with its reason."""
        return (*self.prepared.read.refused, *self.prepared.too_long)

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Rows by split and task, e.g. ``{"train": {"grounding": 80, "text": 80}, "search": …}``."""
        return {name: dict(Counter(row.task for row in rows)) for name, rows in vars(self.prepared.split).items()}

    @property
    def kept(self) -> int:
        """Number of rows that are used."""
        return sum(map(len, vars(self.prepared.split).values()))

    @property
    def kinds(self) -> Mapping[str, int]:
        """Kept rows by what they ask."""
        return Counter(record.kind for rows in vars(self.prepared.split).values() for record in rows)


class RefusedError(CheckError):
    """The data can't be used, and rows were refused.

    Attributes:
        refused: Those rows.

    """

    def __init__(self, message: str, refused: Sequence[RefusedRow], notes: Sequence[str] = ()) -> None:
        more = ["paretune check writes all refused rows to a file"] if len(refused) > _SHOWN else []
        super().__init__("\n".join([message, *notes, *refused_lines(refused), *more]) if refused else message)
        self.refused = tuple(refused)


def check_data(spec: SweepSpec) -> CheckedData:
    """Read and split all rows, and see that both objectives apply.

    Args:
        spec: The sweep.

    Raises:
        RefusedError: If the rows that are left do not suffice for two splits.
        CheckError: If the data can't be read, supports an objective in no row or can't be paced as the space says, or
            the model's folder does not exist or is not whole.

    """
    check_base_files(spec.model.path)
    data = read_data(spec)
    check_fit(spec, data)
    return data


def read_data(spec: SweepSpec) -> CheckedData:
    """Read and split all rows, whatever the objectives and the space.

    Raises:
        RefusedError: If the rows that are left do not suffice for two splits.
        CheckError: If the data can't be read, or the model's folder does not exist.

    """
    return _read(spec, *_processor(spec))


def data_faults(spec: SweepSpec) -> list[str]:
    """Give every fault of the data that ``check_data`` would stop at, not only the first.

    What is missing or damaged of the base is none of them: lengths of rows are not known then.
    """
    faults: list[str] = []
    processor, fault = None, None
    try:
        check_base_files(spec.model.path)
    except CheckError as error:
        fault = str(error)
    else:
        try:
            processor, fault = _processor(spec)
        except CheckError as error:
            faults.append(str(error))
    try:
        data = _read(spec, processor, fault)
    except CheckError as error:
        return [*faults, str(error)]
    for check in _CHECKS:
        try:
            check(spec, data)
        except CheckError as error:
            faults.append(str(error))
    return faults


def _read(spec: SweepSpec, processor: Processor | None, fault: str | None) -> CheckedData:
    try:
        read = read_sources(spec.data)
    except DataError as error:
        raise CheckError(f"data: {error}") from error
    if read.refused and not read.records:
        first, *others = grouped(read.refused)
        mostly = ", mostly" if others else ""
        message = f"data: none of {len(read.refused)} rows can be used{mostly}: {first.head}"
        raise RefusedError(message, read.refused, read.notes)
    try:
        found = prepared(read, spec.data, processor)
    except EmptySplitError as error:
        raise RefusedError(f"data: {error}", [*read.refused, *error.too_long], read.notes) from error
    except DataError as error:
        raise RefusedError(f"data: {error}", read.refused, read.notes) from error
    return CheckedData(found, processor, fault, data_hash(read.records))


def check_fit(spec: SweepSpec, data: CheckedData) -> None:
    """See that rows which were read fit the objectives and the space, and that every image can be decoded.

    Raises:
        CheckError: If not.

    """
    for check in _CHECKS:
        check(spec, data)


def _processor(spec: SweepSpec) -> tuple[Processor | None, str | None]:
    """Load the model's tokenizer and image processor if this machine holds them; never ask a hub."""
    check_base_folder(spec.model.path)
    try:
        return load_processor(spec.model, only_local=True), None
    except ModelError as error:
        if Path(spec.model.path).is_absolute():
            raise CheckError(f"model.path: {error}") from error
        return None, str(error)


def _check_objectives(spec: SweepSpec, data: CheckedData) -> None:
    search = data.prepared.split.search
    for objective in spec.objectives:
        if not any(is_applicable(objective.metric, record) for record in search):
            counts = Counter(record.task for record in search)
            raise CheckError(
                f"objectives: {objective.metric} does not apply to any row of the search split "
                f"({words_of(counts)}); add such data or choose another objective"
            )


def _check_images(spec: SweepSpec, data: CheckedData) -> None:
    """Decode every image once, so that no trial stops at one that is damaged."""
    records = data.prepared.read.records
    rows: dict[str, list[Record]] = {}
    images: dict[str, FileImage | BytesImage] = {}
    for record in records:
        own = {image.key: image for image in record.images if isinstance(image, FileImage | BytesImage)}
        for key, image in own.items():
            images.setdefault(key, image)
            rows.setdefault(key, []).append(record)
    with ThreadPoolExecutor() as pool:  # decoders leave Python's lock
        faults = dict(zip(images, pool.map(image_fault, images.values()), strict=True))
    found = [f"  {rows_of(rows[key])}: {fault}" for key, fault in faults.items() if fault]
    if found:
        more = [f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        fix = "mend it or remove its rows" if len(found) == 1 else "mend them or remove their rows"
        first = f"data: {len(found)} of {len(images)} images can't be used; {fix}"
        raise CheckError("\n".join([first, *found[:_SHOWN], *more]))


def _check_pacing(spec: SweepSpec, data: CheckedData) -> None:
    """See that a pacing has rows to sort, and that what sorts them differs between rows."""
    train = data.prepared.split.train
    pacings = set(spec.space.possible("curriculum.pacing")) - {"none"}
    grounding = [record for record in train if record.task == "grounding"]
    if pacings and not grounding:
        raise CheckError("space.curriculum.pacing: the training split has no grounding row to pace; set it to none")
    if not pacings - {"self_paced"}:
        return
    for difficulty in get_args(Difficulty):
        if difficulty in ("base_loss", "random") or difficulty not in spec.space.possible("curriculum.difficulty"):
            continue
        measures = [(record.words, difficulty_of(record, difficulty)) for record in grounding]
        key = f"space.curriculum.difficulty: {difficulty}"
        if unknown := [words for words, measure in measures if measure is None]:
            raise CheckError(
                f"{key} is unknown for {len(unknown)} of {len(grounding)} rows, such as {unknown[0]}; choose another"
            )
        if len(grounding) > 1 and len({measure for _, measure in measures}) == 1:
            raise CheckError(f"{key} is the same for all {len(grounding)} rows and sorts nothing; choose another")


def _check_mix(spec: SweepSpec, data: CheckedData) -> None:
    """See that every source that gets a share has rows to draw."""
    present = {record.source for record in data.prepared.split.train}
    for index, source in enumerate(spec.data.sources):
        if source.share and index not in present:
            raise CheckError(f"data.sources.{index}.share: it has no training row to take a share of; remove it")
    if not {"sources", "temperature"} & set(spec.space.possible("curriculum.mix")):
        return
    if missing := set(range(len(spec.data.sources))) - present:
        raise CheckError(
            f"space.curriculum.mix: data.sources.{min(missing)} has no training row to take a share of; remove it, or "
            "choose another mix"
        )


def _check_layers(spec: SweepSpec, data: CheckedData) -> None:
    """See that the language model has as many layers as adapters may lie on."""
    processor = data.processor
    most = max(int(last) for last in spec.space.possible("adapter.last_layers"))
    if processor is not None and most > processor.shape.layers:
        raise CheckError(
            f"space.adapter.last_layers: got {most}, but the language model of {spec.model.path} has "
            f"{processor.shape.layers} layers; use at most so many, or 0 for all"
        )


_CHECKS: Sequence[Callable[[SweepSpec, CheckedData], None]] = (
    _check_objectives,
    _check_images,
    _check_pacing,
    _check_mix,
    _check_layers,
)


def check_same_data(spec: SweepSpec, *, data_hash: str) -> CheckedData:
    """Give the data of a sweep that was started, which must be those that it was started with.

    Raises:
        CheckError: If a row was added, removed or changed, or the data can't be read any more.

    """
    data = check_data(spec)
    if data.data_hash != data_hash:
        raise CheckError("data: rows were added, removed or changed since the sweep was started; start a new sweep")
    return data


def words_of(counts: Mapping[str, int]) -> str:
    """Say counts in words."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no rows"
