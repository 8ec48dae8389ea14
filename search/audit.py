"""Which trials are never stopped, so that a pruner's mistakes can be counted."""

from __future__ import annotations

from trainable.seeding import child_seed


def is_audited(number: int, *, seed: int, share: float) -> bool:
    """Tell whether a trial belongs to the audit group.

    Args:
        number: The trial's number.
        seed: The sweep's.
        share: Of all trials that belong to it; each does independently of the others.

    """
    return child_seed(seed, f"audit {number}") / 2**63 < share
