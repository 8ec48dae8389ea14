"""The Optuna study of a sweep and its companion for pruners that know one objective."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from search.errors import SearchError, StudyError
from search.mirrored_storage import MirroredStorage
from search.storage_fault import is_damage, reason_of
from spaces.metrics import Direction

STUDY_NAME = "paretune"
COMPANION_NAME = "paretune/scalar"
STUDY_FILE = "study.db"
_LOCK_WAIT_S, _CONNECT_WAIT_S = 60, 10

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


def open_studies(
    folder: Path, *, storage: str | None, directions: Sequence[Direction], must_exist: bool = False
) -> Studies:
    """Open or create the studies of a sweep.

    Args:
        folder: The sweep's folder.
        storage: An SQLAlchemy URL, or ``None`` for ``study.db`` in the folder (SQLite with a write-ahead log).
        directions: Of the objectives.
        must_exist: Whether the record holds rows already, so that a new study would contradict it.

    Raises:
        StudyError: If the study is damaged, or missing although it must exist.
        SearchError: If the storage can't be opened, holds other objectives, or Optuna has another version than the
            one whose internals the hub relies on.

    """
    if not optuna.__version__.startswith(_KNOWN_VERSION):
        raise SearchError(f"paretune was tested with Optuna {_KNOWN_VERSION}; found {optuna.__version__}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    name = study_name(folder, storage=storage)
    companion = COMPANION_NAME if storage is None else f"{name}/scalar"
    place = storage or str(folder / STUDY_FILE)
    with _explained(folder, storage):
        opened = MirroredStorage(_open(folder, storage, must_exist=must_exist), names=(name, companion))
        known = {study.study_name for study in opened.get_all_studies()}
        if must_exist and name not in known:
            raise study_error(folder, f"{place} holds no study of this sweep", storage=storage)
        main = optuna.create_study(study_name=name, storage=opened, directions=list(directions), load_if_exists=True)
        scalar = optuna.create_study(study_name=companion, storage=opened, direction="maximize", load_if_exists=True)
        if storage is None and name not in known:
            _fold_log(folder / STUDY_FILE)
    if [direction.name.lower() for direction in main.directions] != list(directions):
        raise SearchError(f"the study in {place} has directions {main.directions}, not {list(directions)}")
    return Studies(main, scalar)


def open_storage(folder: Path, storage: str) -> RDBStorage:
    """Open the database of an SQLAlchemy URL.

    Raises:
        SearchError: If it can't be opened.

    """
    with _explained(folder, storage):
        return _open(folder, storage, must_exist=False)


def study_name(folder: Path, *, storage: str | None) -> str:
    """Name a sweep's study; in a storage of many sweeps after the sweep's folder."""
    return STUDY_NAME if storage is None else f"{STUDY_NAME}/{folder.resolve().name}"


def study_error(folder: Path, problem: str, *, storage: str | None) -> StudyError:
    """Say what is wrong with a study and that it can be rebuilt.

    Args:
        folder: Of the sweep.
        problem: In words.
        storage: URL of the study's database, where a user has to make room for the new study; ``study.db`` if absent.

    """
    again = f"rebuild it from the record by: paretune resume {folder} --rebuild-study"
    if storage is not None:
        name = study_name(folder, storage=storage)
        return StudyError(f"{problem}; bring it back, or remove {name} and {name}/scalar from {storage} and {again}")
    return StudyError(f"{problem}; bring it back, or {again}")


@contextmanager
def _explained(folder: Path, storage: str | None) -> Iterator[None]:
    place = storage or str(folder / STUDY_FILE)
    try:
        yield
    except SearchError:
        raise
    except (OSError, sqlite3.Error, SQLAlchemyError, StorageInternalError, ValueError, ImportError) as error:
        if is_damage(error):
            raise study_error(folder, f"{place} is damaged: {reason_of(error)}", storage=storage) from error
        if storage is None and not isinstance(error, ValueError | ImportError):
            raise  # a fault of the disk
        raise SearchError(f"can't open the study in {place}: {reason_of(error)}") from error


def _open(folder: Path, storage: str | None, *, must_exist: bool) -> RDBStorage:
    if storage is not None:
        return RDBStorage(storage, engine_kwargs=_engine_settings(storage))
    path = folder / STUDY_FILE
    if must_exist and not path.exists():
        raise study_error(folder, f"{path} is missing, but the record holds trials", storage=None)
    connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S)
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise study_error(folder, f"{path} is damaged: {found.splitlines()[-1]}", storage=None)
        if must_exist and not connection.execute("SELECT * FROM sqlite_master WHERE name = 'studies'").fetchall():
            raise study_error(folder, f"{path} holds no study of this sweep", storage=None)
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    return RDBStorage(f"sqlite:///{path.resolve()}", engine_kwargs=_engine_settings(storage))


def _fold_log(path: Path) -> None:
    """Move a new study from the write-ahead log into the file, so that it outlives the loss of the log."""
    connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _engine_settings(storage: str | None) -> dict[str, object]:
    if storage is None or storage.startswith("sqlite"):
        return {"connect_args": {"timeout": _LOCK_WAIT_S}}
    waits = storage.startswith("postgresql")
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": _CONNECT_WAIT_S} if waits else {}}
