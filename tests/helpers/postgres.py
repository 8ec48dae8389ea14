"""A PostgreSQL server of our own, from Debian's package, for as long as a test takes."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "hunter2"


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/initdb")
    return found[-1].parent


def _as_owner() -> Sequence[str]:
    """The server refuses to run as root."""
    if os.geteuid():
        return ()
    names = {entry.pw_name for entry in pwd.getpwall()}
    owner = "postgres" if "postgres" in names else "nobody"
    return ("runuser", "-u", owner, "--")


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server and give its URL, without the password that it asks for."""
    binaries, prefix = _binaries(), _as_owner()
    folder = Path(tempfile.mkdtemp(prefix="paretune-pg-"))
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    if prefix:
        subprocess.run(["chown", "-R", prefix[2], str(folder)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(*words: str) -> None:
        done = subprocess.run([*prefix, *words], capture_output=True, text=True, check=False, cwd=folder)
        assert not done.returncode, done.stderr

    data = str(folder / "data")
    call(str(binaries / "initdb"), "-D", data, "-U", "sweeper", "-A", "scram-sha-256", f"--pwfile={secret}")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    call(str(binaries / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://sweeper@127.0.0.1:{port}/postgres"
    finally:
        call(str(binaries / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)
