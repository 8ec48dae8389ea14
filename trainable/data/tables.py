"""Rows out of files: JSON, JSON lines, CSV, Parquet and Arrow, with errors that name the place."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from trainable.data.arrow import ARROW_SUFFIXES, arrow_rows, folder_files
from trainable.data.files import json_fault, shown
from trainable.errors import DataError

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (".json", ".jsonl", *_DELIMITERS, *ARROW_SUFFIXES)

_BLANK = re.compile(r"\s*")


@dataclass(frozen=True)
class TableRow:
    """One value of a file.

    Attributes:
        place: Where it stands, in the file's own terms, e.g. ``line 12``.
        value: The value, or the error for one that can't be read.

    """

    place: str
    value: Any


def read_table(path: Path, *, part: str | None = None) -> Iterator[TableRow]:
    """Read the rows of a file, by its name's ending, or of a folder.

    A ``.json`` file holds a list of rows, one row, or one value after another; a ``.jsonl`` file one value a line, or
    values that go over lines. Texts are UTF-8, or UTF-16 with a byte-order mark. CSV has a header. A folder was saved
    by ``datasets``, or holds Parquet files.

    Args:
        path: Ends in ``.json``, ``.jsonl``, ``.csv`` or ``.tsv``, perhaps followed by ``.gz``, in ``.parquet`` or
            ``.arrow``, or is a folder.
        part: The split of a folder.

    Raises:
        DataError: If the file as a whole can't be read, or holds no row.

    """
    try:
        is_folder = path.is_dir()
    except OSError as error:  # a name that is too long
        raise DataError(f"{shown(str(path))} can't be read: {error.strerror}") from error
    if is_folder:
        yield from _of_folder(path, part)
        return
    if part is not None:
        raise DataError(f"{path} is a file and has no part {part!r}; a folder has")
    name = path.name.lower().removesuffix(".gz")
    suffix = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)
    if suffix is None:
        raise DataError(
            f"{path} is no table; expected a folder or a file that ends in {', '.join(SUFFIXES)}, or these with .gz"
        )
    rows = _rows_of(path, suffix)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} holds no rows")
    yield first
    yield from rows


def _rows_of(path: Path, suffix: str) -> Iterator[TableRow]:
    if suffix in ARROW_SUFFIXES:
        if path.suffix.lower() == ".gz":
            raise DataError(f"{path} is packed twice; unpack it by gunzip")
        return (TableRow(str(number), row) for number, row in enumerate(arrow_rows(path)))
    text = _text(path)
    if suffix in _DELIMITERS:
        return _csv(text, _DELIMITERS[suffix])
    return _json(text, path, is_lines=suffix == ".jsonl")


def _of_folder(folder: Path, part: str | None) -> Iterator[TableRow]:
    number = 0
    for file in folder_files(folder, part):
        for row in arrow_rows(file):
            yield TableRow(str(number), row)
            number += 1
    if not number:
        raise DataError(f"{folder} holds no rows")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if path.name.lower().endswith(".gz"):
            data = gzip.decompress(data)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} can't be read: {error}") from error
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}:{line} is not {encoding.removesuffix('-sig').upper()}: byte {error.start} is "
            f"{data[error.start]:#04x}; save the file as UTF-8"
        ) from error


def _csv(text: str, delimiter: str) -> Iterator[TableRow]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield TableRow(f"line {reader.line_num}", DataError(f"line {reader.line_num} is no CSV: {error}"))
            continue
        if row is None:
            return
        place = f"line {reader.line_num}"
        if None in row or None in row.values():
            columns = len(reader.fieldnames or ())
            yield TableRow(place, DataError(f"{place} has not the {columns} cells of the header"))
        else:
            yield TableRow(place, {str(key): value or None for key, value in row.items()})


def _json(text: str, path: Path, *, is_lines: bool) -> Iterator[TableRow]:
    if not is_lines:
        try:
            whole = json.loads(text) if text.strip() else []
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise DataError(json_fault(error, path)) from error
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} can't be read: {error}") from error
        else:
            yield from _of_whole(whole, path)
            return
    yield from _values(text, path)


def _of_whole(whole: Any, path: Path) -> Iterator[TableRow]:
    """Give the rows of a file that is one value: a list of rows, one row, or one conversation."""
    if isinstance(whole, dict):
        for key, value in whole.items() if len(whole) == 1 else ():
            is_rows = isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
            if is_rows and key not in ("messages", "conversations", "conversation"):
                raise DataError(
                    f"{path} must hold a list of rows; found the key {shortened(key)} around one. Keep the list alone"
                )
        yield TableRow("0", whole)
    elif isinstance(whole, list):
        if whole and all(isinstance(one, dict) and {"role", "content"} <= one.keys() for one in whole):
            yield TableRow("0", {"messages": whole})  # a file of one conversation
            return
        yield from (TableRow(str(number), row) for number, row in enumerate(whole))
    else:
        raise DataError(f"{path} must hold a list of rows; got {type(whole).__name__}")


def _values(text: str, path: Path) -> Iterator[TableRow]:
    """Give value after value; a line that can't be read gives its error, and reading goes on with the next."""
    decoder = json.JSONDecoder()
    at, line = 0, 1
    while True:
        start = _end_of_blank(text, at)
        line += text.count("\n", at, start)
        if start >= len(text):
            return
        place = f"line {line}"
        try:
            value, at = decoder.raw_decode(text, start)
            end = text.find("\n", at)
            if rest := text[at : end if end >= 0 else len(text)].strip():
                raise DataError(f"{place} holds more than one value: {shortened(rest)}")
        except json.JSONDecodeError as error:
            value = DataError(json_fault(error, path))
            at = _next_line(text, start)
        except DataError as error:
            value, at = error, _next_line(text, at)
        except (ValueError, RecursionError) as error:
            value, at = DataError(f"{place} can't be read: {error}"), _next_line(text, start)
        yield TableRow(place, value)
        line += text.count("\n", start, at)


def _end_of_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
