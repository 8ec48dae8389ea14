"""Why a trial failed, in the record's words."""

from __future__ import annotations

import traceback

import torch

from trainable.errors import MemoryExhaustedError, TrialError


def reason_of(error: Exception) -> str:
    """Say why a trial failed, starting with one of the record's reasons.

    The reasons are those of ``trainable.errors``, ``out of memory`` for torch's own errors, and ``error``.
    """
    if isinstance(error, TrialError):
        return f"{error.reason}: {error}"
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error):
        return f"{MemoryExhaustedError.reason}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"error: {type(error).__name__}: {error} ({last.name}, line {last.lineno})"
