"""The keys of what a worker and the driver tell each other through Ray."""

from __future__ import annotations

TRIAL_KEY, CHECKPOINT_KEY = "trial", "checkpoint"
"""What a trial is told: its config, and the place of its checkpoint, if any; both as JSON."""

REPORT_KEY, ENDING_KEY = "paretune_report", "paretune_ending"
"""What it says: a report as JSON, or why it ended without one."""
