"""The user's cache: where it lies, and files in it that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder(name: str) -> Path:
    """Give a folder in ``paretune`` below ``$XDG_CACHE_HOME`` or ``~/.cache``; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paretune" / name


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a file to write, which takes a path's place at the end, or goes if the block fails.

    Raises:
        OSError: If the folder can't be made or written.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as made:
        part = Path(made.name)
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
