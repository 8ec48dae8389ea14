"""The spec that a sweep's folder was started with."""

from __future__ import annotations

from pathlib import Path

from results import read_sweep_json
from search.spec import SweepSpec

SPEC_KEY = "spec"


def spec_of(folder: Path) -> SweepSpec:
    """Read back the spec of a folder's sweep.

    Raises:
        ResultsError: If the folder holds no sweep.

    """
    return SweepSpec.model_validate_json(read_sweep_json(folder).metadata[SPEC_KEY])
