"""What a node has, asked on the node itself.

It is sent there as a value, since paretune may be absent: standard library only, and nothing of ours.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

CODE = ("spaces", "trainable")
"""Our packages that run in workers."""


def facts_of_node(meeting: str, name: str, packages: Sequence[str], paths: Sequence[str]) -> str:
    """Look around on this node.

    Args:
        meeting: A folder that the driver made inside the sweep's folder; it holds the file ``driver``.
        name: Of a file that is written there.
        packages: Distributions whose versions are wanted.
        paths: Files and folders that trials read.

    Returns:
        JSON: the fields of ``search.probe.NodeFacts``.

    """
    seen, fault = "", ""
    try:
        seen = (Path(meeting) / "driver").read_text()
        (Path(meeting) / name).write_text(seen)
    except OSError as error:
        fault = error.strerror or str(error)
    return json.dumps(
        {
            "python": sys.executable,
            "versions": {package: _version(package) for package in packages},
            "code": _code(),
            "seen": seen,
            "fault": fault,
            "missing": [path for path in paths if not os.access(path, os.R_OK)],
        }
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _code() -> str:
    """Give a hash of the source of our packages, or an empty text if one can't be imported."""
    digest = hashlib.sha256()
    for package in CODE:
        try:
            spec = importlib.util.find_spec(package)
        except ImportError:
            spec = None
        folders = list(spec.submodule_search_locations or []) if spec else []
        if not folders:
            return ""
        for file in sorted(Path(folders[0]).rglob("*.py")):
            digest.update(file.relative_to(folders[0]).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
