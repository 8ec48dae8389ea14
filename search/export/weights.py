"""The adapter of an exported trial, from the checkpoint that the sweep kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from results import SweepTables
from search.errors import RequestError
from search.export.chosen import ChosenTrial
from search.kept_checkpoints import checkpoint_place, way_back
from search.spec import SweepSpec
from trainable.checkpoints import UNREADABLE, Checkpoints, unpacked

_MOST_NAMED = 12


def adapter_tensors(folder: Path, spec: SweepSpec, tables: SweepTables, trial: ChosenTrial) -> Sequence[Tensor]:
    """Give the adapter's parameters as they were when the trial was scored last.

    Args:
        folder: Of the sweep.
        spec: The sweep.
        tables: Its record.
        trial: That is exported.

    Returns:
        The factors in the order of the PEFT model's parameters, on the processor.

    Raises:
        RequestError: If no checkpoint of the trial was kept, or it is damaged or of an earlier step.

    """
    place = checkpoint_place(spec, folder)
    shown = place.folder.partition("?")[0]
    try:
        checkpoints = place.open()
        saved = _read(checkpoints, trial)
        kept = checkpoints.numbers()
    except (OSError, ValueError) as error:
        raise RequestError(f"the checkpoints in {shown} can't be read: {error}") from error
    if saved is None:
        ended = sorted(kept & set(tables.trials["trial"].tolist()))
        raise RequestError(_absent(folder, trial, ended, shown))
    try:
        at = (int(saved["attempt"]), int(saved["report"]["step"]))
        tensors = list(saved["trial"]["adapter"])
    except UNREADABLE as error:
        raise RequestError(_damaged(folder, trial, shown)) from error
    if at != (trial.attempt, trial.steps):
        raise RequestError(
            f"the checkpoint of trial {trial.number} in {shown} is of step {at[1]}, but the trial was scored at step "
            f"{trial.steps}: its last checkpoint could not be written; {_again(folder, trial)}"
        )
    return tensors


def _read(checkpoints: Checkpoints, trial: ChosenTrial) -> dict[str, Any] | None:
    """Read a trial's checkpoint; ``None`` if it has none, an empty one if it is damaged."""
    try:
        data = checkpoints.read(trial.number)
    except FileNotFoundError:
        return None
    try:
        return unpacked(data)
    except UNREADABLE:
        return {}


def _absent(folder: Path, trial: ChosenTrial, kept: Sequence[int], shown: str) -> str:
    why = {
        "COMPLETE": "it left the front, or search.disk had no room for it",
        "PRUNED": "it was stopped, and nobody pinned it",
    }.get(trial.state, "it failed, and nobody pinned it")
    names = ", ".join(map(str, kept[:_MOST_NAMED])) + (", …" if len(kept) > _MOST_NAMED else "")
    others = f"kept are those of trial{'s' if len(kept) > 1 else ''} {names}" if kept else f"{shown} holds none"
    return f"trial {trial.number} has no checkpoint any more: {why}; {others}. {_again(folder, trial)}"


def _damaged(folder: Path, trial: ChosenTrial, shown: str) -> str:
    return f"the checkpoint of trial {trial.number} in {shown} is damaged; {_again(folder, trial)}"


def _again(folder: Path, trial: ChosenTrial) -> str:
    return way_back(folder, trial.number, is_pruned=trial.state == "PRUNED", seed=trial.seed)
