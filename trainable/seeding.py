"""One seed for each use, split from the trial's seed; and the generators that torch has for the whole process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def child_seed(seed: int, use: str) -> int:
    """Derive a seed in ``[0, 2**63)`` for one use, e.g. ``"data order"``; uses do not disturb each other."""
    digest = hashlib.sha256(f"{seed}/{use}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_states(device: torch.device) -> list[Tensor]:
    """Give the states of torch's global generators: the processor's, then those of all GPUs if one is used."""
    count = torch.cuda.device_count() if device.type == "cuda" else 0
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(index) for index in range(count))]


def restore_generators(states: Sequence[Tensor]) -> None:
    """Set torch's global generators to saved states."""
    own, *others = states
    torch.set_rng_state(own)
    for index, state in enumerate(others):
        torch.cuda.set_rng_state(state, index)
