"""The state of a trial as bytes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

import torch

UNREADABLE = (RuntimeError, ValueError, EOFError, KeyError, TypeError, pickle.UnpicklingError)
"""What ``unpacked`` raises where the bytes are no state, or one that is damaged."""


def packed(state: Mapping[str, Any]) -> bytes:
    """Give what ``Trial.state_dict`` gives as bytes."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def unpacked(data: bytes) -> dict[str, Any]:
    """Read what ``packed`` gave, tensors on the processor; nothing in it is executed.

    Raises:
        pickle.UnpicklingError: If the bytes are no such state, or hold anything but plain values and tensors.
        RuntimeError: If they are damaged; the other errors of ``UNREADABLE`` mean the same.

    """
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
