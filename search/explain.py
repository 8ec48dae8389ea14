"""What a report needs of the search: importance of the settings, and what another pruner would have stopped."""

from __future__ import annotations

from results.findings import FrontStops, Importance
from results.reader import SweepTables
from results.summary import Summary
from search.importance import importance_of
from search.replay import replay_moasha
from search.spec import SweepSpec
from search.sweep_spec import SPEC_KEY


def explain(summary: Summary, tables: SweepTables) -> tuple[Importance | str, FrontStops | str]:
    """Compute what needs Optuna or a pruner, or say in one sentence each why it can't be computed."""
    try:
        spec = SweepSpec.model_validate_json(summary.metadata[SPEC_KEY])
    except (KeyError, ValueError):
        reason = "the sweep's spec is missing, or of another version of paretune"
        return reason, reason
    return importance_of(tables, spec), replay_moasha(tables, spec)
