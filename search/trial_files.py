"""Checkpoints of running trials: one file each, written by the worker, removed by the driver."""

from __future__ import annotations

from pathlib import Path


class TrialFiles:
    """Names the checkpoint of every trial in a sweep's folder.

    Args:
        folder: Of the sweep; drivers and workers of all nodes reach it under one path.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "checkpoints"

    def checkpoint(self, number: int) -> Path:
        """Give the file of a trial's checkpoint, whether it exists or not."""
        return self._folder.absolute() / f"trial-{number:05d}.pt"

    def remove(self, number: int) -> None:
        """Remove what a trial that ended left behind."""
        path = self.checkpoint(number)
        for file in (path, path.with_name(f".{path.name}.part")):
            file.unlink(missing_ok=True)
