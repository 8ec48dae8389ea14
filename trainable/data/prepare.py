"""From the data sets of a sweep to its splits: what the check says and what a worker trains on are the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import normalize

from spaces.trial import DataConfig
from trainable.data.records import Record
from trainable.data.render import render
from trainable.data.sources import ReadResult, RefusedRow, read_sources
from trainable.data.split import Split, split_records
from trainable.errors import DataError
from trainable.model.family import LARGEST_COORDINATE
from trainable.model.load import Processor

_TURN_TOKENS = 32
"""More than the marks of a turn and the words of its role take."""


class EmptySplitError(DataError):
    """No row of a split is short enough.

    Attributes:
        too_long: All rows that are not.

    """

    def __init__(self, message: str, too_long: tuple[RefusedRow, ...]) -> None:
        super().__init__(message)
        self.too_long = too_long


@dataclass(frozen=True)
class PreparedData:
    """What a sweep trains and scores on.

    Attributes:
        read: All rows that the readers kept, and all that they refused.
        split: The rows of each split that are not too long.
        too_long: Rows of a split that are.

    """

    read: ReadResult
    split: Split
    too_long: tuple[RefusedRow, ...]


def prepare(config: DataConfig, processor: Processor | None) -> PreparedData:
    """Read, split, and leave out rows that are too long.

    Args:
        config: The data sets.
        processor: Of the model; without one no length is known, and nothing is too long.

    Raises:
        DataError: If a data set as a whole can't be read, or a split that is needed has no row.

    """
    read = read_sources(config)
    return prepared(read, config, processor)


def prepared(read: ReadResult, config: DataConfig, processor: Processor | None) -> PreparedData:
    """Split rows that were read, and leave out those that are too long.

    Raises:
        DataError: If a split that is needed has no row.
        EmptySplitError: If all its rows are too long.

    """
    split = split_records(read.records, config)
    if processor is None:
        return PreparedData(read, split, ())
    faults = {record.id: fault for record in read.records if (fault := length_fault(record, processor, config))}
    kept = split.only(record.id for record in read.records if record.id not in faults)
    too_long = tuple(_refused(record, faults) for record in read.records if record.id in faults)
    for name in ("train", "search"):
        if not getattr(kept, name):
            first = next(fault for record in getattr(split, name) if (fault := faults.get(record.id)))
            raise EmptySplitError(f"every row of the split {name} is refused, the first since {first}", too_long)
    return PreparedData(read, kept, too_long)


def length_fault(record: Record, processor: Processor, config: DataConfig) -> str | None:
    """Say why a row can't be trained on by its tokens, or give ``None``; only rows that may be at fault are tokenised.

    Args:
        record: The row.
        processor: Of the model.
        config: Its ``max_length``.

    """
    try:
        if longest_length(record, processor) <= config.max_length and not _has_wide_image(record, processor):
            return None
        length, images = token_length(record, processor), image_tokens(record, processor)
    except DataError as error:
        return str(error)
    if length <= config.max_length:
        return None
    return f"it has {length} tokens, {images} of them of images; data.max_length is {config.max_length}, nothing is cut"


def _has_wide_image(record: Record, processor: Processor) -> bool:
    """Say whether a box may have a coordinate of more than four digits, which rendering refuses."""
    if processor.family.unit == "thousandths":
        return False
    return any(max(processor.resized(image.size)) > LARGEST_COORDINATE for image in record.images)


def token_length(record: Record, processor: Processor) -> int:
    """Give the number of tokens of a row.

    Raises:
        DataError: If it can't be rendered.

    """
    return len(render(record, processor).ids)


def image_tokens(record: Record, processor: Processor) -> int:
    """Give the number of tokens that stand for a row's images.

    Raises:
        DataError: If the processor refuses one.

    """
    return sum(processor.tokens(image.size) for image in record.images)


def longest_length(record: Record, processor: Processor) -> int:
    """Give a number of tokens that a row can't exceed, without tokenising it: no token is shorter than a byte.

    Counted are the bytes of its texts as the family writes them and the tokenizer takes them: composed (NFC), which
    makes some letters longer.

    Raises:
        DataError: If the processor refuses an image.

    """
    resized = [processor.resized(image.size) for image in record.images]
    texts = [record.system or processor.default_system or ""]
    for turn in record.turns:
        texts += [processor.family.question(turn, resized)[0], processor.family.answer(turn, resized)]
    letters = sum(len(text if text.isascii() else normalize("NFC", text).encode()) for text in texts)
    return image_tokens(record, processor) + letters + _TURN_TOKENS * (2 * len(record.turns) + 1)


def _refused(record: Record, faults: dict[str, str]) -> RefusedRow:
    file, row = record.place
    return RefusedRow(file, row, faults[record.id])
