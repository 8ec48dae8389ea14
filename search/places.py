"""Places that several sweeps may share: a new sweep must not take another's for its own."""

from __future__ import annotations

from pathlib import Path

import optuna

from search.errors import FolderError, SearchError
from search.kept_checkpoints import checkpoint_place
from search.spec import SweepSpec
from search.study import open_storage, study_name


def check_unused(spec: SweepSpec, folder: Path) -> None:
    """Check that no other sweep has a study or checkpoints where a new one would have its own.

    Raises:
        FolderError: If one has.
        SearchError: If the storage of the study can't be opened.
        OSError: If the store of the checkpoints can't be reached.

    """
    name, storage = study_name(folder, storage=spec.search.storage), spec.search.storage
    again = f"give the sweep a folder of another name than {folder.resolve().name}, or remove it"
    if storage is not None and name in optuna.get_all_study_names(open_storage(folder, storage)):
        raise FolderError(f"{storage} holds a study {name} already; {again}")
    if spec.search.checkpoints is None:
        return
    place = checkpoint_place(spec, folder)
    try:
        numbers = place.open().numbers()
    except ValueError as error:
        raise SearchError(f"can't keep checkpoints in {spec.search.checkpoints}: {error}") from error
    if numbers:
        raise FolderError(f"{place.folder} holds checkpoints of another sweep already; {again}")
