"""What a worker is told of the place of its checkpoints."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from trainable.checkpoints.base import Checkpoints
from trainable.checkpoints.folder import FolderCheckpoints
from trainable.checkpoints.remote import open_store


class CheckpointPlace(BaseModel):
    """Where checkpoints are, and how much room they have.

    Attributes:
        folder: An absolute path, or a URI such as ``s3://bucket/prefix/sweep``.
        budget: The most bytes of all of them together; no limit if absent.

    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    budget: int | None = None

    def open(self) -> Checkpoints:
        """Give the checkpoints there; credentials come from the environment.

        Raises:
            OSError: If the store can't be reached.
            ValueError: If the URI is of no kind that pyarrow knows.

        """
        if "://" not in self.folder:
            return FolderCheckpoints(Path(self.folder), budget=self.budget)
        return open_store(self.folder, budget=self.budget)
