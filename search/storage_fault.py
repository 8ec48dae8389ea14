"""Turns a failing disk or database into one message, and the sweep into one that can be resumed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from search.errors import FolderError, StorageFault
from search.secrets import masked

_DATABASE_ERRORS = (sqlite3.Error, SQLAlchemyError, StorageInternalError)
_ADVICE = (
    (r"no space left|disk is full|quota", "free some space"),
    (r"read-?only|permission denied|not permitted", "make it writable"),
    (r"no such file|not connected|stale|no such device|unable to open", "bring it back"),
)


class StorageGuard:
    """Lets errors of disks and databases leave its block as a ``StorageFault``, and remembers it.

    It is entered around every call to the hub. Ray wraps what a callback raises into an error of its own;
    ``surfacing`` around all of Ray lets the remembered fault out instead.

    Args:
        folder: Of the sweep.
        storage: URL of the study's database; ``study.db`` in the folder if absent.
        again: The command that goes on once the cause is gone; the folder is its first argument.
        after: The command's further words.
        place: What is written; the folder if absent.

    """

    def __init__(
        self,
        folder: Path,
        *,
        storage: str | None = None,
        again: str = "resume",
        after: Sequence[object] = (),
        place: Path | None = None,
    ) -> None:
        self._folder, self._storage, self._place = folder, storage, place or folder
        self._again = " ".join(["paretune", again, str(folder), *map(str, after)])
        self._fault: StorageFault | None = None

    def __enter__(self) -> Self:
        """Nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Turn an error of a disk or a database into a fault."""
        if isinstance(error, (OSError, *_DATABASE_ERRORS)) and not isinstance(error, (BrokenPipeError, FolderError)):
            self._fault = StorageFault(self._words(error))
            raise self._fault from error

    @contextmanager
    def surfacing(self) -> Iterator[None]:
        """Raise the fault that was met inside, whatever became of it there."""
        try:
            yield
        except Exception as error:
            if self._fault is not None and error is not self._fault:
                raise self._fault from error
            raise
        if self._fault is not None:
            raise self._fault

    def _words(self, error: Exception) -> str:
        reason = reason_of(error)
        again = f"go on by: {self._again}"
        is_database = isinstance(error, _DATABASE_ERRORS)
        where = self._study() if is_database else _place(error, self._place)
        if is_database and is_damage(error):
            return f"can't use {where}: {reason}; {again} --rebuild-study"
        advice = next((words for pattern, words in _ADVICE if re.search(pattern, reason.lower())), "see to it")
        return f"can't write {where}: {reason}; {advice} and {again}"

    def _study(self) -> str:
        return f"the study in {masked(self._storage) if self._storage else self._folder / 'study.db'}"


def reason_of(error: Exception) -> str:
    """Give the words of a disk's or database's error in one line, without passwords."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, StorageInternalError) and isinstance(error.__cause__, Exception):
        return reason_of(error.__cause__)
    inner = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = [line.strip() for line in str(inner).splitlines() if line.strip()]
    return masked("; ".join(lines[:2])) or type(inner).__name__


def is_damage(error: BaseException) -> bool:
    """Tell whether an SQLite file is damaged, as opposed to out of reach."""
    words = str(error.__cause__ if isinstance(error, StorageInternalError) else error)
    return bool(re.search(r"malformed|not a database|file is encrypted", words))


def _place(error: Exception, folder: Path) -> str:
    name = getattr(error, "filename", None)
    if isinstance(name, str | Path) and not Path(name).absolute().is_relative_to(folder.absolute()):
        return masked(str(name))
    return str(folder)
