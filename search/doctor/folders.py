"""Folders that sweeps write into: rights, room, and whether their file system carries a study."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from search.amounts import in_words
from search.doctor.finding import Finding, ok, problem, watch

_LITTLE_ROOM, _ENOUGH_ROOM = 10**9, 5 * 10**9
_SKEW_S = 5.0
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs", "glusterfs", "ncpfs"}
)


def folder_findings(
    name: str, folder: Path, *, needed: float | None = None, holds_study: bool = False
) -> Iterator[Finding]:
    """Look at a folder, which need not exist yet.

    Args:
        name: What it is for.
        folder: Of it or of the nearest one above that exists, all is asked.
        needed: Bytes that will be written into it, if that is known.
        holds_study: Whether SQLite and a lock will be used there.

    """
    there = nearest(folder)
    title = f"{name} ({folder})"
    try:
        with tempfile.TemporaryDirectory(prefix=".paretune-", dir=there) as made:
            probe = Path(made)
            yield room_finding(title, _free(there), needed=needed)
            yield from _skew(title, probe)
            if holds_study:
                yield from _study_findings(title, there, probe)
    except OSError as error:
        yield problem(title, f"it can't be written: {error.strerror or error}", "choose another folder, or its rights")


def nearest(folder: Path) -> Path:
    """Give the folder itself, or the nearest one above it that exists."""
    folder = folder.absolute()
    return next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))


def room_finding(title: str, free: int, *, needed: float | None) -> Finding:
    """Judge the free bytes of a disk."""
    words = f"{in_words(free)} free"
    if needed is not None:
        words += f", about {in_words(needed)} needed"
    if free < _LITTLE_ROOM or (needed is not None and free < needed):
        return problem(title, words, "make room, or choose a folder on another disk")
    if free < max(_ENOUGH_ROOM, 2 * (needed or 0)):
        return watch(title, words, "make room before a long sweep")
    return ok(title, words)


def _free(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def _skew(title: str, probe: Path) -> Iterator[Finding]:
    """Compare the clock with that of the machine which keeps the files."""
    file = probe / "clock"
    before = time.time()
    file.touch()
    written = file.stat().st_mtime
    skew = written - before
    if not -_SKEW_S <= skew <= _SKEW_S + (time.time() - before):
        yield watch(title, f"its clock is {skew:+.0f} s from this machine's", "let both machines keep time by NTP")


def _study_findings(title: str, folder: Path, probe: Path) -> Iterator[Finding]:
    kind = file_system(folder, Path("/proc/mounts").read_text() if Path("/proc/mounts").exists() else "")
    fix = "set search.storage to a PostgreSQL, or choose a folder on a local disk by --out"
    if is_network(kind):
        yield problem(title, f"it lies on {kind}, a network file system, where SQLite's log can't be shared", fix)
        return
    try:
        _try_study(probe)
    except (OSError, sqlite3.Error) as error:
        yield problem(title, f"SQLite with a write-ahead log does not work there ({kind or 'unknown'}): {error}", fix)


def _try_study(probe: Path) -> None:
    """Write and read a small database as the study is, and take a lock as the driver does."""
    connection = sqlite3.connect(probe / "study.db", timeout=5)
    try:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"its journal mode stays {mode}")
        connection.execute("CREATE TABLE trials (number INTEGER)")
        connection.execute("INSERT INTO trials VALUES (1)")
        connection.commit()
    finally:
        connection.close()
    with (probe / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def file_system(folder: Path, mounts: str) -> str:
    """Give the kind of the file system that holds a folder, as ``/proc/mounts`` names it; empty if not known.

    Args:
        folder: It exists.
        mounts: The text of that file.

    """
    folder = folder.resolve()
    found: tuple[int, str] = (-1, "")
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(fields[1].encode().decode("unicode_escape"))
        if folder.is_relative_to(point) and len(point.parts) >= found[0]:  # the later mount hides the earlier one
            found = (len(point.parts), fields[2])
    return found[1]


def is_network(kind: str) -> bool:
    """Tell whether files of this file system lie on other machines."""
    return kind in _NETWORK or kind.startswith(
        ("fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs")
    )
