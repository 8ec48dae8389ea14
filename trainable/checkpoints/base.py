"""Where the checkpoints of a sweep's trials are: one file each, all of them within a budget."""

from __future__ import annotations

import errno
import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

_log = logging.getLogger(__name__)

SPARE_FILE = "spare.json"
"""Numbers of ended trials whose checkpoints may go, the first one first."""

_NAME = re.compile(r"trial-(\d{5,})\.pt")
_LEFTOVER = re.compile(r"\.(trial-\d{5,}\.pt|spare\.json)\.part")


class NoRoomError(OSError):
    """A checkpoint does not fit into the budget."""


class Checkpoints(ABC):
    """Keeps one checkpoint per trial, and never more bytes than the budget, whoever writes at the same time.

    A file appears whole. While it replaces an earlier one both count. Where a new one does not fit, checkpoints of
    ended trials give way, in the order that the driver keeps in ``spare.json``.

    Args:
        place: Where it is, to be shown to a person.
        budget: The most bytes of all files together; no limit if absent.

    """

    def __init__(self, place: str, *, budget: int | None) -> None:
        self._place, self._budget = place, budget

    def numbers(self) -> frozenset[int]:
        """Give the numbers of the trials that have a checkpoint.

        Raises:
            OSError: If they can't be listed.

        """
        found = (_NAME.fullmatch(name) for name in self._sizes())
        return frozenset(int(match[1]) for match in found if match)

    def read(self, number: int) -> bytes:
        """Give a trial's checkpoint.

        Raises:
            FileNotFoundError: If it has none.
            OSError: If it can't be read.

        """
        return self._get(file_name(number))

    def write(self, number: int, data: bytes) -> None:
        """Put a trial's checkpoint in place of its earlier one.

        Raises:
            NoRoomError: If it does not fit into the budget; the earlier one stays.
            OSError: If it can't be written; the earlier one stays.

        """
        with self._alone():
            if self._budget is not None:
                self._make_room(number, len(data), self._budget)
            self._put(file_name(number), data)

    def spare(self, numbers: Sequence[int]) -> None:
        """Say which checkpoints may give way to those of running trials, the first one first.

        Raises:
            OSError: If it can't be written down.

        """
        if self._budget is None:
            return
        with self._alone():
            kept = list(numbers)
            used = sum(size for name, size in self._sizes().items() if name != SPARE_FILE)
            self._delete(SPARE_FILE)
            while (text := json.dumps(kept).encode()) and used + len(text) > self._budget and kept:
                used -= self._give_up(kept.pop(0))
            if used + len(text) <= self._budget:
                self._put(SPARE_FILE, text)

    def remove(self, number: int) -> None:
        """Remove what a trial left behind, if anything.

        Raises:
            OSError: If it can't be removed.

        """
        for name in (file_name(number), _leftover(file_name(number))):
            self._delete(name)

    def tidy(self, keep: frozenset[int]) -> None:
        """Remove the checkpoints of all other trials, and what killed writers left; nothing that has another name.

        The driver calls it before a worker writes: it also makes the folder.

        Raises:
            OSError: If they can't be listed or removed.

        """
        self._make()
        with self._alone():
            for name in self._sizes():
                match = _NAME.fullmatch(name)
                if _LEFTOVER.fullmatch(name) or (match and int(match[1]) not in keep):
                    _log.info("removing %s in %s: nothing needs it any more", name, self._place)
                    self._delete(name)

    def _make_room(self, number: int, size: int, budget: int) -> None:
        self._delete(_leftover(file_name(number)))
        sizes = self._sizes()
        used = sum(sizes.values())
        spare = [other for other in self._spare() if file_name(other) in sizes and other != number]
        most = used - sum(sizes[file_name(other)] for other in spare)
        if most + size > budget:  # then nothing is given up for it
            raise NoRoomError(
                errno.EDQUOT,
                f"{size} bytes do not fit into search.disk, {budget} bytes, beside {most} bytes that stay",
                self._place,
            )
        while used + size > budget:
            used -= self._give_up(spare.pop(0))

    def _give_up(self, number: int) -> int:
        name = file_name(number)
        size = self._sizes().get(name, 0)
        _log.info("giving up %s in %s for room", name, self._place)
        self._delete(name)
        return size

    def _spare(self) -> list[int]:
        try:
            return [int(number) for number in json.loads(self._get(SPARE_FILE))]
        except (FileNotFoundError, ValueError, TypeError):
            return []

    def _alone(self) -> AbstractContextManager[object]:
        return nullcontext() if self._budget is None else self._lock()

    def _lock(self) -> AbstractContextManager[object]:
        """Keep other writers out, where that can be done."""
        return nullcontext()

    def _make(self) -> None:
        """Make the folder, where there is such a thing."""
        return

    @abstractmethod
    def _sizes(self) -> Mapping[str, int]:
        """Give the size of every file, in bytes, by its name."""

    @abstractmethod
    def _get(self, name: str) -> bytes:
        """Give a file's content."""

    @abstractmethod
    def _put(self, name: str, data: bytes) -> None:
        """Let a file appear whole."""

    @abstractmethod
    def _delete(self, name: str) -> None:
        """Remove a file, if it exists."""


def file_name(number: int) -> str:
    """Name the checkpoint of a trial."""
    return f"trial-{number:05d}.pt"


def _leftover(name: str) -> str:
    """Name the file that a killed writer leaves."""
    return f".{name}.part"
