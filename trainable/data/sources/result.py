"""What a reader gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainable.data.records import Record
from trainable.errors import DataError, MissingImageError


@dataclass(frozen=True)
class RefusedRow:
    """A row that can't be used.

    Attributes:
        file: The file it stands in.
        row: Its place in the file, in the file's own terms, e.g. ``12`` or ``annotation 1090``.
        reason: What was found and what was expected.
        missing: Path of the image file that does not exist, if that is the reason.

    """

    file: str
    row: str
    reason: str
    missing: str | None = None

    @classmethod
    def of(cls, file: Path, row: str, error: DataError) -> RefusedRow:
        """Refuse a row for an error."""
        return cls(str(file), row, str(error), error.path if isinstance(error, MissingImageError) else None)


@dataclass(frozen=True)
class ReadResult:
    """The rows of a data set.

    Attributes:
        records: What can be used.
        refused: What can't, each with its reason.
        notes: What the reader decided, and what it left out on purpose, with counts.

    """

    records: tuple[Record, ...]
    refused: tuple[RefusedRow, ...] = ()
    notes: tuple[str, ...] = ()
