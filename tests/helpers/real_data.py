"""Data sets by other people, kept outside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).parents[2]


def real_data(name: str) -> Path:
    """Give a folder of real data; skips the test where it is absent.

    It lies below the folder that ``PARETUNE_DATA`` names, else below ``shared/data`` beside the project.
    """
    home = Path(os.environ.get("PARETUNE_DATA", _HERE.parent / "shared" / "data"))
    if not (home / name).is_dir():
        pytest.skip(f"no real data {name!r} in {home}; set PARETUNE_DATA to the folder that holds it")
    return home / name
