"""Checkpoints of a sweep's trials: as bytes, and where they are kept."""

from __future__ import annotations

from trainable.checkpoints.attempt import read_attempt, write_attempt
from trainable.checkpoints.base import Checkpoints, NoRoomError, file_name
from trainable.checkpoints.place import CheckpointPlace
from trainable.checkpoints.state import UNREADABLE, packed, unpacked

__all__ = [
    "UNREADABLE",
    "CheckpointPlace",
    "Checkpoints",
    "NoRoomError",
    "file_name",
    "packed",
    "read_attempt",
    "unpacked",
    "write_attempt",
]
