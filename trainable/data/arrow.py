"""Rows out of Parquet and Arrow files, and out of folders of them.

``datasets`` itself would copy a Parquet file into a cache of its own first; pyarrow reads both as they are, a few
hundred rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainable.data.files import nearest, read_json
from trainable.errors import DataError

ARROW_SUFFIXES = (".parquet", ".arrow")

_ROWS_AT_ONCE = 256


def arrow_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a file, column names as keys; images of ``datasets`` are objects of ``bytes`` and ``path``.

    Args:
        path: Ends in ``.parquet`` or ``.arrow``.

    Raises:
        DataError: If it can't be read.

    """
    try:
        if path.suffix.lower() == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from batch.to_pylist()
        else:
            yield from _of_arrow(path)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except (pa.ArrowException, OSError, ValueError, ArithmeticError, LookupError) as error:  # dates of other calendars
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} can't be read as {path.suffix.lower()[1:].title()}: {first}") from error


def _of_arrow(path: Path) -> Iterator[dict[str, Any]]:
    with pa.memory_map(str(path)) as source:
        try:
            reader = pa.ipc.open_stream(source)  # what datasets writes
        except pa.ArrowInvalid:
            source.seek(0)
            file = pa.ipc.open_file(source)
            batches = (file.get_batch(index) for index in range(file.num_record_batches))
        else:
            batches = iter(reader)
        for batch in batches:
            batch.validate(full=True)  # a damaged file would lead out of its memory
            for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
                yield from batch.slice(start, _ROWS_AT_ONCE).to_pylist()


def folder_files(folder: Path, part: str | None) -> list[Path]:
    """Find the files of a folder that ``datasets`` saved, or that holds Parquet files as hubs lay them out.

    Args:
        folder: With ``dataset_dict.json``, with ``state.json``, or with Parquet files in it or in ``data/``.
        part: The split; needed where there are several.

    Raises:
        DataError: If the folder is none of these, or has no such part.

    """
    if (folder / "dataset_dict.json").is_file():
        content = read_json(folder / "dataset_dict.json")
        names = content.get("splits") if isinstance(content, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f"{folder / 'dataset_dict.json'} lists no splits; was the folder saved by datasets?")
        return _saved(folder / _chosen(names, part, folder))
    if (folder / "state.json").is_file():
        if part is not None:
            raise DataError(f"{folder} is one data set without parts; remove part: {part}")
        return _saved(folder)
    files = sorted([*folder.glob("*.parquet"), *folder.glob("data/*.parquet")])
    if not files:
        raise DataError(f"{folder} was not saved by datasets and holds no Parquet file; give a file instead")
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(file.stem.partition("-")[0], []).append(file)
    return groups[_chosen(list(groups), part, folder)]


def _saved(folder: Path) -> list[Path]:
    try:
        return [folder / entry["filename"] for entry in read_json(folder / "state.json")["_data_files"]]
    except (KeyError, TypeError) as error:
        raise DataError(f"{folder / 'state.json'} lists no files; was the folder saved by datasets?") from error


def _chosen(names: list[str], part: str | None, folder: Path) -> str:
    if part is None:
        if len(names) == 1:
            return names[0]
        raise DataError(f"{folder} has the parts {', '.join(names[:10]) or 'none'}; choose one by part")
    if part not in names:
        raise DataError(f"{folder} has no part {part!r}; {nearest(part, names)}")
    return part
