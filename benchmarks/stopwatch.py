"""Times calls of methods that something else makes."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class Stopwatch:
    """What calls took, by label; of nested calls with one label the outermost counts.

    Args:
        clock: Gives seconds.

    """

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self._clock = clock
        self._open: set[str] = set()
        self.took_s: defaultdict[str, list[float]] = defaultdict(list)

    def total_s(self, label: str) -> float:
        """Give the sum of all calls of a label."""
        return sum(self.took_s[label])

    def time(self, label: str, call: Callable[[], Any]) -> Any:
        """Call, and keep what it took."""
        if label in self._open:
            return call()
        self._open.add(label)
        start = self._clock()
        try:
            return call()
        finally:
            self.took_s[label].append(self._clock() - start)
            self._open.remove(label)

    @contextmanager
    def watching(self, methods: Iterable[tuple[type, str, str]]) -> Iterator[None]:
        """Time every call of some methods, given by class, name and label, as long as the block lasts."""
        kept: list[tuple[type, str, Any]] = []
        try:
            for owner, name, label in methods:
                own = vars(owner)[name]
                kept.append((owner, name, own))
                setattr(owner, name, self._timed(own, label))
            yield
        finally:
            for owner, name, own in reversed(kept):
                setattr(owner, name, own)

    def _timed(self, method: Callable[..., Any], label: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*args: Any, **settings: Any) -> Any:
            return self.time(label, lambda: method(*args, **settings))

        return timed
