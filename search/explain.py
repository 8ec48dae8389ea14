"""What a report needs of the search: importance of the settings, and what another pruner would have stopped."""

from __future__ import annotations

from results.findings import FrontStops, Importance
from results.reader import SweepTables
from results.summary import Summary


def explain(summary: Summary, tables: SweepTables) -> tuple[Importance | None, FrontStops | None]:
    """Compute what needs Optuna or a pruner."""
    return None, None
