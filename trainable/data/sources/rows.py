"""Files of rows in any of the usual formats: conversations, referring expressions, questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from spaces.trial import RowFormat, RowsSource
from trainable.data.files import text_fault
from trainable.data.sources.conversations import Conversation, records_of
from trainable.data.sources.draft import Draft, refuse_unsupported
from trainable.data.sources.formats import FORMATS
from trainable.data.sources.pictures import PictureFinder
from trainable.data.sources.recognise import unsupported_table
from trainable.data.sources.result import ReadResult, RefusedRow
from trainable.data.tables import read_table
from trainable.errors import DataError


def read_rows(config: RowsSource) -> ReadResult:
    """Read a file of rows; a note says what they were taken for.

    Raises:
        DataError: If the file as a whole can't be read, or its boxes are in another frame than they are read in.

    """
    path = Path(config.path)
    folder = Path(config.image_folder) if config.image_folder else path if path.is_dir() else path.parent
    finder = PictureFinder(folder, fetches_urls=config.image_urls)
    refused: list[RefusedRow] = []
    read: list[Conversation] = []
    formats: Counter[str] = Counter()
    places: dict[str, int] = {}
    for number, row in enumerate(read_table(path, part=config.part)):
        if config.max_rows is not None and number >= config.max_rows:
            break
        places[row.place] = number
        try:
            for name, conversation in _conversations(row.place, row.value, config.format, path, finder):
                formats[name] += 1
                read.append(conversation)
        except DataError as error:
            refused.append(RefusedRow.of(path, row.place, error))
    records, notes = records_of(read, config, path, refused)
    shown = ", ".join(f"{count} rows as {name}" for name, count in formats.most_common())
    refused.sort(key=lambda row: places[row.row])
    return ReadResult(tuple(records), tuple(refused), (f"{path.name}: {shown or 'no row could be read'}", *notes))


def _conversations(
    place: str, value: Any, wanted: RowFormat | None, path: Path, finder: PictureFinder
) -> list[tuple[str, Conversation]]:
    """Read the conversations of one row, all or none, each with what shows its format."""
    packed = value if isinstance(value, list) and value and all(isinstance(one, dict) for one in value) else [value]
    found: list[tuple[str, Conversation]] = []
    drafts = [(shown, draft) for one in packed for shown, draft in _drafts(one, wanted)]
    for index, (shown, draft) in enumerate(drafts):
        name = f"{path.name}#{place}" + (f"/{index}" if len(drafts) > 1 else "")
        pictures = tuple(finder.find(image) for image in draft.images)
        found.append((shown, Conversation(name, place, draft, pictures)))
    return found


def _drafts(value: Any, wanted: RowFormat | None) -> Iterator[tuple[str, Draft]]:
    if isinstance(value, DataError):
        raise value
    if not isinstance(value, dict):
        raise DataError(f"a row is an object; got {shortened(value)}")
    row: Mapping[str, Any] = value
    if fault := text_fault(row):
        raise DataError(fault)
    refuse_unsupported(row)
    for name, reader in FORMATS.items():
        evidence = reader.matches(row)
        if evidence is not None and wanted in (None, name):
            for draft in reader.drafts_of(row):
                yield f"{name} ({evidence})", draft
            return
    if what := unsupported_table(row):
        raise DataError(f"the row holds {what}")
    expected = wanted or f"one of {', '.join(FORMATS)}"
    raise DataError(f"the row's columns {', '.join(map(shortened, list(row)[:8]))} are of no known format ({expected})")
