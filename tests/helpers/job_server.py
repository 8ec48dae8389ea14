"""A Ray head that takes jobs, which needs `ray[default]`: in an environment of its own, so that no other test's Ray
starts what comes with it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_COMMANDS = {"paretune": "search.cli:main", "ray": "ray.scripts.scripts:main"}


def make_environment(folder: Path) -> Path:
    """Make an environment above that of the tests, with `ray[default]`; gives the folder of its commands.

    Skips the test where nothing can be installed.
    """
    venv.create(folder, with_pip=True)
    python, bin_folder = folder / "bin" / "python", folder / "bin"
    packages = next((folder / "lib").glob("python*/site-packages"))
    below = sysconfig.get_paths()["purelib"]
    (packages / "below.pth").write_text(f"import site; site.addsitedir({below!r})\n")
    words = ["-m", "pip", "install", "--quiet", "--constraint", str(_ROOT / "constraints.txt"), "ray[default]"]
    done = subprocess.run([python, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"can't install ray[default]: {done.stderr.strip().splitlines()[-1]}")
    for name, target in _COMMANDS.items():
        module, function = target.split(":")
        command = bin_folder / name
        command.write_text(f"#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
        command.chmod(0o755)
    return bin_folder


@contextmanager
def job_server(commands: Path, log: Path) -> Iterator[dict[str, str]]:
    """Run a head that wants a token; gives the environment of its users, `RAY_API_SERVER_ADDRESS` included."""
    folder = tempfile.mkdtemp(prefix="pt", dir="/tmp")  # the paths of Ray's sockets must be short
    port, board = free_ports(2)
    kept = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "PYTHONPATH")}
    environment = kept | {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_TMPDIR": folder,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{board}",
    }
    words = [
        str(commands / "ray"),
        "start",
        "--head",
        "--block",
        f"--port={port}",
        f"--dashboard-port={board}",
        "--num-cpus=2",
    ]
    words += ["--dashboard-host=127.0.0.1", "--include-dashboard=true", "--object-store-memory=100000000"]
    with log.open("w") as out:
        head = subprocess.Popen(words, env=environment, stdout=out, stderr=out)
    try:
        end = time.monotonic() + 180
        while socket.socket().connect_ex(("127.0.0.1", board)):
            assert head.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        yield environment
    finally:
        head.terminate()
        head.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(number: int) -> list[int]:
    """Give ports from 20000 to 29999 that nothing uses; Ray's own workers take those below."""
    found: list[int] = []
    while len(found) < number:
        port = 20000 + secrets.randbelow(10000)
        if socket.socket().connect_ex(("127.0.0.1", port)) and port not in found:
            found.append(port)
    return found
