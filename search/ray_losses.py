"""Whether Ray starts anew after it was lost."""

from __future__ import annotations

from collections.abc import Callable

from search.errors import ClusterError, RayLost

_MOST_LOSSES = 3


class RayLosses:
    """Counts losses of Ray between which nothing was measured.

    Args:
        address: Of the Ray to run on; only one of our own starts anew.
        measured: Gives how much has been measured, so that a loss can tell whether the work got on.

    """

    def __init__(self, address: str, *, measured: Callable[[], int]) -> None:
        self._address, self._measured = address, measured
        self._losses, self._before = 0, -1

    def take(self, loss: RayLost, *, last_words: str) -> None:
        """Hear of a loss; on return Ray may start anew.

        Raises:
            ClusterError: With the last words, if it may not.

        """
        measured = self._measured()
        self._losses = self._losses + 1 if measured == self._before else 1
        self._before = measured
        if self._address != "local" or self._losses > _MOST_LOSSES:
            raise ClusterError(last_words) from loss
