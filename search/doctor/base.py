"""Whether a base is on this machine, whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from search.check_base import BASE_FIX, absence, folder_faults
from search.doctor.finding import Finding, ok, problem, watch
from search.planning.base import base_config

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def base_findings(path: str) -> Iterator[Finding]:
    """Look at a base: settings, tokenizer, image processor, and every file of weights to its last byte.

    Args:
        path: As a sweep file names it.

    """
    name = f"base ({path})"
    config = base_config(path)
    if config is not None:
        faults = folder_faults(config.parent)
        yield from faults_or_ok(name, faults, config.parent)
    elif Path(path).is_absolute():
        yield problem(name, absence(Path(path)), f"set model.path to {BASE_FIX}")
    elif offline := [key for key in _OFFLINE if os.environ.get(key, "").lower() in ("1", "true", "yes", "on")]:
        fix = f"download it where there is a network, or unset {offline[0]}"
        yield problem(name, f"it is not in the local cache, and {offline[0]} forbids to fetch it", fix)
    else:
        yield watch(name, "it is not in the local cache", "the first worker downloads it; workers need a network")


def faults_or_ok(name: str, faults: list[str], folder: Path) -> Iterator[Finding]:
    """Turn faults into findings."""
    if not faults:
        yield ok(name, f"complete in {folder}")
    for fault in faults:
        yield problem(name, fault, f"copy or download it anew into {folder}")
