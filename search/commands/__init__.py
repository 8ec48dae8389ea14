"""The subcommands, one module each, in the order of ``paretune --help``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from search.commands import check, confirm, report, status, sweep, trial

COMMANDS: Sequence[Callable[[Any], None]] = (
    check.add,
    sweep.add,
    status.add,
    report.add,
    confirm.add,
    trial.add,
)
"""What adds each command, or several that belong together, to the parser."""
