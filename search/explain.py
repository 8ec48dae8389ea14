"""What a report needs of the search: importance of the settings, and what another pruner would have stopped."""

from __future__ import annotations

from pydantic import ValidationError

from results.findings import FrontStops, Importance
from results.reader import SweepTables
from search.importance import importance_of
from search.replay import replay_moasha
from search.spec import SweepSpec
from search.sweep_spec import SPEC_KEY


def explain(tables: SweepTables) -> tuple[Importance | str, FrontStops | str]:
    """Compute what needs Optuna or a pruner, or say in a sentence each why it cannot be had.

    Args:
        tables: The sweep's record.

    """
    try:
        spec = SweepSpec.model_validate_json(tables.metadata.get(SPEC_KEY, ""))
    except ValidationError:
        reason = "the sweep file in the record is none that this paretune reads"
        return reason, reason
    return importance_of(tables, spec), replay_moasha(tables, spec)
