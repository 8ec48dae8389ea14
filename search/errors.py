"""What can go wrong in a sweep."""

from __future__ import annotations

from collections.abc import Sequence


class SearchError(Exception):
    """The sweep cannot start or go on."""


class SpecError(SearchError, ValueError):
    """A sweep file does not say what can be run.

    Attributes:
        file: The sweep file, as it was named.
        faults: One text for each fault, in the order of the file: place, key, what was found and expected, the fix.

    """

    def __init__(self, file: str, faults: Sequence[str]) -> None:
        super().__init__(file, tuple(faults))
        self.file = file
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join(self.faults)


class FolderError(SearchError, FileExistsError):
    """A new sweep was to start in a folder that holds one."""


class RecordError(SearchError, ValueError):
    """A folder holds no sweep, or its record can't be read."""


class StudyError(RecordError):
    """The study is lost or damaged, or another sweep's; it can be rebuilt from the record."""


class StorageFault(SearchError):
    """The disk or the database failed while a sweep ran; what was measured is kept, and ``resume`` goes on."""


class BusyError(SearchError):
    """Another process runs the sweep of the folder."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM arrived; not an ``Exception``, so that nothing on the way up handles it."""


class CheckError(SearchError, ValueError):
    """The data or the model of a valid sweep file can't be used."""


class ShadowedPackageError(SearchError):
    """Another folder or distribution answers to one of our import names."""
