"""One seed for each use, split from the trial's seed."""

from __future__ import annotations

import hashlib


def child_seed(seed: int, use: str) -> int:
    """Derive a seed in ``[0, 2**63)`` for one use, e.g. ``"data order"``; uses do not disturb each other."""
    digest = hashlib.sha256(f"{seed}/{use}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
