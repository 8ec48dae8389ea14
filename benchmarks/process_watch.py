"""CPU seconds and peak memory of the processes below this one, ended ones included."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_PAUSE_S = 0.2


@dataclass(frozen=True)
class Usage:
    """What a process has used.

    Attributes:
        cpu_s: User and system seconds, its own and of children that it has waited for.
        peak_mib: Largest resident memory that it has had, as the kernel counts it.

    """

    cpu_s: float
    peak_mib: float


class ProcessWatch:
    """Looks at all processes below this one five times a second, in a thread.

    What a process does between the last look and its end is missed: at most a fifth of a second.
    """

    def __init__(self) -> None:
        self._usages: dict[int, Usage] = {}
        self._looking_s = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def look(self) -> dict[int, Usage]:
        """Give what every process has used so far, by process id; this one too, without its looking."""
        own = psutil.Process()
        for process in [own, *own.children(recursive=True)]:
            try:
                times, peak = process.cpu_times(), _peak_mib(process.pid)
            except (psutil.Error, OSError):
                continue
            is_own = process.pid == own.pid
            others_s = -self._looking_s if is_own else times.children_user + times.children_system
            before = self._usages.get(process.pid, Usage(0.0, 0.0))
            # a process that has ended and is not waited for yet has no memory any more
            self._usages[process.pid] = Usage(times.user + times.system + others_s, max(before.peak_mib, peak))
        return dict(self._usages)

    def wait_for_end(self, pids: set[int]) -> None:
        """Wait until processes are gone, or ended and not waited for."""
        for pid in pids:
            while psutil.pid_exists(pid) and _state(pid) not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                time.sleep(_PAUSE_S)

    def _watch(self) -> None:
        while not self._end.wait(_PAUSE_S):
            self.look()
            self._looking_s = time.thread_time()


def _state(pid: int) -> str:
    try:
        return psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
