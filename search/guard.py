"""Proof that our import names are ours; they are common words. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

NAMES = ("search", "trainable", "spaces", "results")
DISTRIBUTION = "paretune"


def shadowing_faults() -> Iterator[str]:
    """Say which of our names another folder or distribution answers to."""
    home = Path(__file__).resolve().parent.parent
    for name in NAMES:
        found = _location(find_spec(name))
        if found != home / name:
            yield (
                f"the import name {name!r} belongs to {found}, not to {home / name}; "
                f"remove or rename it, or install paretune in a virtual environment of its own"
            )
    for other, name in _rivals():
        yield (
            f"the distribution {other!r} installs {name!r} as well, which paretune needs; "
            f"uninstall it, or install paretune in a virtual environment of its own"
        )


def _location(spec: ModuleSpec | None) -> Path | None:
    if spec is None or spec.origin is None:
        return None if spec is None else Path(next(iter(spec.submodule_search_locations or [""]))).resolve()
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin


def _rivals() -> list[tuple[str, str]]:
    """Find distributions that own one of our names: installed into one folder, the later overwrites the earlier."""
    found: list[tuple[str, str]] = []
    for distribution in distributions():
        owner = distribution.metadata["Name"]
        if owner == DISTRIBUTION:
            continue
        listed = "\n" + (distribution.read_text("RECORD") or "")
        listed += "\n" + "".join(f"{name}/\n" for name in (distribution.read_text("top_level.txt") or "").split())
        found.extend((owner, name) for name in NAMES if f"\n{name}/" in listed or f"\n{name}.py," in listed)
    return found
