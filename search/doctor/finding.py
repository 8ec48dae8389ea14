"""What an examination says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "watch", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: ``ok``; ``watch`` for what may slow a sweep down or stop it later; ``problem`` for what stops it.
        found: In words.
        fix: What to do; empty if nothing.

    """

    name: str
    state: State
    found: str
    fix: str = ""

    def line(self) -> str:
        """Say it in one line."""
        return f"{self.state:<7}  {self.name}: {self.found}{f'; {self.fix}' if self.fix else ''}"


def ok(name: str, found: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(name, "ok", found)


def watch(name: str, found: str, fix: str) -> Finding:
    """Say that something may slow a sweep down or stop it later."""
    return Finding(name, "watch", found, fix)


def problem(name: str, found: str, fix: str) -> Finding:
    """Say that something stops sweeps."""
    return Finding(name, "problem", found, fix)
