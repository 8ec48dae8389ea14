"""How messages name rows: those that were refused, in groups of one reason, and those of one image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainable.data.records import Record
from trainable.data.sources import RefusedRow

_SHOWN = 10
_ROWS_SHOWN = 5
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|/\S+|(?<![a-z])-?\d[\d.,x()]*")


@dataclass(frozen=True)
class RefusedGroup:
    """Refused rows of one kind of reason.

    Attributes:
        rows: In order, at least one.

    """

    rows: tuple[RefusedRow, ...]

    @property
    def head(self) -> str:
        """The first row with its whole reason, and how many are like it."""
        others = len(self.rows) - 1
        return refused_line(self.rows[0]) + (f" (and {others} more like it)" if others else "")

    def lines(self) -> list[str]:
        """Say the head and the next rows, ten in all."""
        if len(self.rows) == 1:
            return [self.head]
        lines = [f"{self.head}:", *(f"  {refused_line(row)}" for row in self.rows[1:_SHOWN])]
        return [*lines, f"  and {len(self.rows) - _SHOWN} more"] if len(self.rows) > _SHOWN else lines


def grouped(refused: Sequence[RefusedRow]) -> list[RefusedGroup]:
    """Group refused rows by their reasons without names and numbers, the largest group first."""
    groups: dict[str, list[RefusedRow]] = {}
    for row in refused:
        groups.setdefault(_VARIABLE.sub("…", row.reason), []).append(row)
    return sorted((RefusedGroup(tuple(rows)) for rows in groups.values()), key=lambda group: -len(group.rows))


def refused_lines(refused: Sequence[RefusedRow]) -> list[str]:
    """Say how many rows were refused, and why, the first ten of each reason."""
    lines = [f"refused: {len(refused)} rows"]
    lines += [f"  {line}" for group in grouped(refused) for line in group.lines()]
    if missing := {row.missing for row in refused if row.missing}:
        lines.append(f"missing images: {len(missing)}")
    return lines


def refused_line(row: RefusedRow) -> str:
    """Say file, row and reason."""
    return f"{row.file} row {row.row}: {row.reason}"


def rows_of(records: Sequence[Record]) -> str:
    """Name the first five rows by file, and count the others: ``train.json rows 3, 4 and 2 more``."""
    files: dict[str, list[str]] = {}
    for record in records[:_ROWS_SHOWN]:
        file, row = record.place
        files.setdefault(file, []).append(row)
    named = [f"{file} {'row' if len(rows) == 1 else 'rows'} {', '.join(rows)}" for file, rows in files.items()]
    more = len(records) - _ROWS_SHOWN
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
