"""What a check says in lines and leaves in its folder: every refused row, every missing image, and the page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.check import CheckedData, words_of
from search.check_page import check_page
from search.check_refused import grouped, refused_lines
from search.errors import CheckError
from trainable.data.prepare import image_tokens, token_length
from trainable.data.records import interleaved
from trainable.data.sources import RefusedRow

_MEASURED = 1000

REFUSED_FILE, MISSING_FILE, PAGE_FILE = "refused.tsv", "missing-images.txt", "check.html"
CHECK_FILES: Mapping[str, str] = {"refused": REFUSED_FILE, "missing_images": MISSING_FILE, "page": PAGE_FILE}
"""What a check may leave behind, by the names that programs know."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of the rows that are used.

    Attributes:
        measured: Number of rows that were tokenised.
        rows: Number of all rows.
        totals: Tokens of each measured row, images included.
        images: Tokens of its images.

    """

    measured: int
    rows: int
    totals: tuple[int, ...]
    images: tuple[int, ...]

    def line(self, longest: int) -> str:
        """Say them in one line."""
        which = "all" if self.measured == self.rows else f"{self.measured} of"
        high = sorted(self.totals)[max(0, round(0.95 * len(self.totals)) - 1)]
        return (
            f"tokens: {which} {self.rows} rows: median {statistics.median_low(self.totals)}, 95 % at most {high}, "
            f"longest {max(self.totals)} of data.max_length {longest}; of images {min(self.images)} to "
            f"{max(self.images)} a row"
        )


def _lengths_of(data: CheckedData) -> Lengths | None:
    """Tokenise rows of all splits, at most a thousand; ``None`` without a processor."""
    if data.processor is None:
        return None
    rows = [record for part in vars(data.prepared.split).values() for record in part]
    measured = interleaved(tuple(rows))[:_MEASURED]
    return Lengths(
        len(measured),
        len(rows),
        tuple(token_length(record, data.processor) for record in measured),
        tuple(image_tokens(record, data.processor) for record in measured),
    )


def mean_tokens(data: CheckedData) -> float | None:
    """Give the mean tokens of a row; ``None`` without a processor."""
    lengths = _lengths_of(data)
    return statistics.fmean(lengths.totals) if lengths else None


def tokens_line(data: CheckedData, *, max_length: int) -> str:
    """Say how long rows are; a thousand of them, if there are more, are tokenised for it."""
    lengths = _lengths_of(data)
    return lengths.line(max_length) if lengths else f"tokens: not known here, since {data.processor_fault}"


def verdict(data: CheckedData) -> str:
    """Say whether a sweep can run, and how much of its data it leaves out."""
    refused = len(data.refused)
    if not refused:
        return "fine"
    return f"can be run; {refused} of {data.kept + refused} rows {'is' if refused == 1 else 'are'} refused"


def check_lines(data: CheckedData, *, tokens: str) -> list[str]:
    """Say what was found."""
    lines = [f"rows: {data.kept} used, {len(data.refused)} refused"]
    lines += [f"{split}: {words_of(counts)}" for split, counts in data.counts.items()]
    lines += [f"kinds: {words_of(data.kinds)}", *data.prepared.read.notes]
    return [*lines, tokens, *refused_lines(data.refused)]


def check_result(data: CheckedData) -> dict[str, Any]:
    """Give what was found for programs."""
    return {
        "rows": data.counts,
        "kinds": data.kinds,
        "notes": list(data.prepared.read.notes),
        "data_hash": data.data_hash,
        "refused": [{"file": row.file, "row": row.row, "reason": row.reason} for row in data.refused],
    }


def write_refused(folder: Path, refused: Sequence[RefusedRow]) -> list[str]:
    """Write every refused row, and every image that is missing.

    Args:
        folder: Made if it is absent.
        refused: All of them.

    Returns:
        Where they are, in lines.

    Raises:
        CheckError: If they can't be written.

    """
    missing = sorted({row.missing for row in refused if row.missing})
    cells = [[row.file, row.row, row.reason] for row in refused]
    table = "\n".join("\t".join(" ".join(cell.split()) for cell in row) for row in [["file", "row", "reason"], *cells])
    _write(folder / REFUSED_FILE, table + "\n")
    if missing or (folder / MISSING_FILE).exists():
        _write(folder / MISSING_FILE, "".join(f"{path}\n" for path in missing))
    lines = [f"all refused rows: {folder / REFUSED_FILE}"] if refused else []
    return [*lines, f"all missing images: {folder / MISSING_FILE}"] if missing else lines


def write_check(folder: Path, data: CheckedData, *, name: str, tokens: str) -> list[str]:
    """Write what a check leaves behind.

    Args:
        folder: Made if it is absent.
        data: What was found.
        name: Of the sweep file.
        tokens: What was said of the rows' lengths.

    Returns:
        Where it is, in lines.

    Raises:
        CheckError: If a file can't be written.

    """
    said = write_refused(folder, data.refused)
    _write(folder / PAGE_FILE, check_page(data, name=name, groups=grouped(data.refused), tokens=tokens))
    return [*said, f"page with rendered rows: {folder / PAGE_FILE}"]


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CheckError(f"{path} can't be written: {error.strerror}; choose another folder by --out") from error
