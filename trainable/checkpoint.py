"""The state of a running trial as one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write what ``Trial.state_dict`` gives; the file appears whole."""
    temporary = path.with_name(f".{path.name}.part")
    torch.save(dict(state), temporary)
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what ``save_checkpoint`` wrote, tensors on the processor; nothing in the file is executed.

    Raises:
        OSError: If the file can't be read.
        pickle.UnpicklingError: If it is no such file.

    """
    return torch.load(path, map_location="cpu", weights_only=True)
