"""The Optuna study of a sweep and its companion for pruners that know one objective."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.storages import RDBStorage

from search.errors import SearchError
from spaces.metrics import Direction

STUDY_NAME = "paretune"
COMPANION_NAME = "paretune/scalar"
_LOCK_WAIT_S = 60

_KNOWN_VERSION = "5.0"


@dataclass(frozen=True)
class Studies:
    """Two studies in one storage.

    Attributes:
        main: Two objectives; final values, states, and the vectors of every rung as user attributes. It has no
            intermediate values: with them TPE fails on the next ask once a trial is pruned.
        companion: One objective, the mean of the objectives, each on a scale from 0 to 1; it holds the curves that
            Optuna's own pruners and optuna-dashboard read.

    """

    main: optuna.Study
    companion: optuna.Study


def open_studies(folder: Path, *, storage: str | None, directions: Sequence[Direction]) -> Studies:
    """Open or create the studies of a sweep.

    Args:
        folder: The sweep's folder.
        storage: An SQLAlchemy URL, or ``None`` for ``study.db`` in the folder (SQLite with a write-ahead log).
        directions: Of the objectives.

    Raises:
        SearchError: If the storage can't be opened, holds other objectives, or Optuna has another version than the
            one whose internals the hub relies on.

    """
    if not optuna.__version__.startswith(_KNOWN_VERSION):
        raise SearchError(f"paretune was tested with Optuna {_KNOWN_VERSION}; found {optuna.__version__}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    name = STUDY_NAME if storage is None else f"{STUDY_NAME}/{folder.resolve().name}"
    companion = COMPANION_NAME if storage is None else f"{name}/scalar"
    try:
        opened = RDBStorage(storage or _sqlite_url(folder / "study.db"), engine_kwargs=_engine_settings(storage))
        main = optuna.create_study(study_name=name, storage=opened, directions=list(directions), load_if_exists=True)
        scalar = optuna.create_study(study_name=companion, storage=opened, direction="maximize", load_if_exists=True)
    except (OSError, sqlite3.Error, ValueError, ImportError) as error:
        raise SearchError(f"can't open the study in {storage or folder / 'study.db'}: {error}") from error
    if [direction.name.lower() for direction in main.directions] != list(directions):
        raise SearchError(f"the study in {storage or folder} has directions {main.directions}, not {list(directions)}")
    return Studies(main, scalar)


def _sqlite_url(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    return f"sqlite:///{path.resolve()}"


def _engine_settings(storage: str | None) -> dict[str, object]:
    is_sqlite = storage is None or storage.startswith("sqlite")
    return {"connect_args": {"timeout": _LOCK_WAIT_S}} if is_sqlite else {}
