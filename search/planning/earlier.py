"""Finished sweeps whose settings are those of a plan."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from search.spec import SweepSpec

_MOST_LOOKED_AT = 200


def alike_sweeps(spec: SweepSpec, folder: Path) -> list[Path]:
    """Give the folders of sweeps of equal settings that ran on this machine, the latest first.

    Equal are model, data, trial and space, the pruner, and how many trials run at a time; numbers of trials, limits
    and seeds of samplers may differ. Only each folder's ``sweep.json`` is read.

    Args:
        spec: The sweep.
        folder: Holds folders of sweeps; it may be missing.

    """
    files = sorted(folder.glob("*/sweep.json"), key=_time, reverse=True)[:_MOST_LOOKED_AT]
    return [file.parent for file in files if _is_alike(spec, file)]


def differences(spec: SweepSpec, other: SweepSpec) -> Iterator[str]:
    """Name the settings in which two sweeps differ, of those that decide on times."""
    for key in ("model", "data", "trial", "space"):
        mine, theirs = getattr(spec, key).model_dump(mode="json"), getattr(other, key).model_dump(mode="json")
        if key == "model":
            mine, theirs = ({**side, "cache": None} for side in (mine, theirs))
        yield from (f"{key}.{name}" for name in mine if mine[name] != theirs.get(name))
    for key in ("concurrency", "pruner", "address"):
        if getattr(spec.search, key) != getattr(other.search, key):
            yield f"search.{key}"


def _is_alike(spec: SweepSpec, file: Path) -> bool:
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))["metadata"]
        other = SweepSpec.model_validate_json(metadata["spec"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return False
    is_here = str(metadata.get("machine", "")).partition(" ")[0] == platform.node()
    return is_here and not any(differences(spec, other))


def _time(file: Path) -> float:
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0
