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
    """A place to write to holds something already, or can't be written."""


class RecordError(SearchError, ValueError):
    """A folder holds no sweep, or its record can't be read."""


class StudyError(RecordError):
    """The study is lost or damaged, or another sweep's; it can be rebuilt from the record."""


class StorageFault(SearchError):
    """The disk or the database failed while a sweep ran; what was measured is kept, and ``resume`` goes on."""


class BusyError(SearchError):
    """Another process runs the sweep of the folder."""


class WarmStartError(SearchError, ValueError):
    """An earlier sweep can't tell this one anything."""


class RequestError(SearchError, ValueError):
    """What is asked of a trial can't be done."""


class PlanError(SearchError, ValueError):
    """What a sweep will take can't be found out as asked."""


class ConfirmError(SearchError, ValueError):
    """A sweep can't be confirmed, or not in the way that was asked for."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM arrived; not an ``Exception``, so that nothing on the way up handles it."""


class RayLost(BaseException):
    """Ray is gone; not an ``Exception``, since Ray Tune would first try to tidy up with it."""


class ClusterError(SearchError, RuntimeError):
    """Ray is gone and can't be started anew; what was measured is kept."""


class UnfitClusterError(SearchError, ValueError):
    """No cluster answers, or its nodes can't run the trials of the sweep.

    Attributes:
        faults: One text for each fault, with the node that has it and what to do.

    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class CheckError(SearchError, ValueError):
    """The data or the model of a valid sweep file can't be used."""


class ShadowedPackageError(SearchError):
    """Another folder or distribution answers to one of our import names."""
