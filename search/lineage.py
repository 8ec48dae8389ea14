"""Where a sweep's numbers come from: code, data, versions, machine."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("paretune", "torch", "transformers", "peft", "ray", "optuna", "pyarrow")


def lineage(sweep_file: Path, *, data_hash: str) -> dict[str, str]:
    """Describe the circumstances of a sweep for the metadata of its record.

    Args:
        sweep_file: Its folder's git commit is recorded, if it has one.
        data_hash: Of all rows that were kept.

    Returns:
        Plain texts by key: ``sweep_file``, ``git_sha``, ``data_hash``, ``machine``, ``python`` and ``version.<name>``.

    """
    return {
        "sweep_file": str(sweep_file.resolve()),
        "git_sha": _git_sha(sweep_file.resolve().parent),
        "data_hash": data_hash,
        "machine": f"{platform.node()} {platform.machine()} {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{f"version.{name}": version(name) for name in _PACKAGES},
    }


def _git_sha(folder: Path) -> str:
    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "none"
