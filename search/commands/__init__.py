"""The subcommands, one module each, in the order of ``paretune --help``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from search.commands import check, completion, confirm, doctor, export, init, plan, report, status, sweep, trial

COMMANDS: Sequence[Callable[[Any], None]] = (
    init.add,
    check.add,
    plan.add,
    doctor.add,
    sweep.add,
    status.add,
    report.add,
    confirm.add,
    trial.add,
    export.add,
    completion.add,
)
"""What adds each command, or several that belong together, to the parser."""
