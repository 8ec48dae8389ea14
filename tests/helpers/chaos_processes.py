"""Drivers and what they start, found through ``/proc`` by a mark in their environment."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from chaos_driver import Order
from command import environment

MARK = "PARETUNE_CHAOS_MARK"
SCRIPT = Path(__file__).with_name("chaos_driver.py")
_TRIAL_TITLES = ("ray::RayTrial", "ray::ResourceTrainable")
"""Of a worker between two steps, and in one."""
_IDLE_TITLE = "ray::IDLE"


class Started(Protocol):
    """A driver that was started."""

    pid: int

    def ending(self) -> int: ...


class Fresh:
    """A driver from a new interpreter."""

    def __init__(self, order: Order) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "run", order.to_json()], env=environment(), start_new_session=True
        )
        self.pid = self._process.pid

    def ending(self) -> int:
        return self._process.wait()


class Nursery:
    """A process with all imports done, from which drivers are forked, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), "serve"],
            env=environment(),
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, order: Order) -> Started:
        assert self._process.stdin is not None
        self._process.stdin.write(order.to_json() + "\n")
        self._process.stdin.flush()
        return _Forked(self, int(self.read()))

    def read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process that forks drivers ended with {self._process.poll()}"
        return line

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


class _Forked:
    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self.pid = nursery, pid

    def ending(self) -> int:
        return int(self._nursery.read())


class Driver:
    """A running driver with all that it starts.

    Args:
        started: The driver.
        mark: Value of the mark in the environment of the processes that it starts.

    """

    def __init__(self, started: Started, mark: str) -> None:
        self._started, self._mark = started, mark
        self.pid = started.pid
        self._handle = os.pidfd_open(started.pid)
        self.began = time.monotonic()

    def has_ended(self, timeout_s: float = 0.0) -> bool:
        return bool(select.select([self._handle], [], [], timeout_s)[0])

    def kill(self) -> None:
        """Send SIGKILL, unless the driver has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def ending(self) -> int:
        """Wait for the end; gives the exit code, or -9 if it was killed."""
        return self._started.ending()

    def workers(self, *, is_starting: bool = False) -> dict[int, str]:
        """Find the processes of trials, with the titles that Ray gives them.

        Args:
            is_starting: Whether those count that still import what they will run.

        """
        wanted = (*_TRIAL_TITLES, _IDLE_TITLE) if is_starting else _TRIAL_TITLES
        return {pid: title for pid in self.descendants() if (title := _title(pid)).startswith(wanted)}

    def descendants(self) -> list[int]:
        """Find the live processes with the mark; the driver itself has it only if it was not forked."""
        wanted = f"{MARK}={self._mark}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            pid = int(path.parent.name)
            if pid == self._started.pid:
                continue
            try:
                if wanted in path.read_bytes().split(b"\0") and _is_alive(pid):
                    found.append(pid)
            except OSError:
                continue
        return found

    def clear(self, *, patience_s: float = 5.0) -> tuple[float, list[str]]:
        """Wait until what an ended driver started is gone, and kill what stays; gives the seconds and who stayed."""
        began = time.monotonic()
        while (left := self.descendants()) and time.monotonic() < began + patience_s:
            time.sleep(0.05)
        waited = time.monotonic() - began
        titles = [_title(pid)[:120] for pid in left]
        for pid in left:
            kill(pid)
        while self.descendants():
            time.sleep(0.05)
        os.close(self._handle)
        return waited, titles


def kill(pid: int) -> bool:
    """Send SIGKILL; tells whether there was somebody to receive it."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
