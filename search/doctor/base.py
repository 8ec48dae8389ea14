"""Whether a base is on this machine, whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from search.doctor.finding import Finding, ok, problem, watch
from search.planning.base import base_config

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_POINTER = b"version https://git-lfs"
_TOKENIZERS = ("tokenizer.json", "vocab.json")
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_INDEX, _WHOLE = "model.safetensors.index.json", "model.safetensors"
_HEADER_BYTES = 100 * 2**20


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
        found = "it has no config.json" if Path(path).is_dir() else "there is no such folder"
        yield problem(name, found, "set model.path to the folder of a Qwen2-VL model")
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


def folder_faults(folder: Path) -> list[str]:
    """Name every file of a model's folder that is missing, cut short, or a pointer of Git LFS."""
    faults: list[str] = []
    for kind, names in (("tokenizer", _TOKENIZERS), ("image processor", _PROCESSORS)):
        if not any((folder / one).is_file() for one in names):
            faults.append(f"it has no {kind} ({' or '.join(names)})")
    try:
        files = _weights(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [*faults, f"{_INDEX} can't be read: {error}"]
    if not files:
        faults.append(f"it has no weights ({_WHOLE} or {_INDEX})")
    return [*faults, *(fault for file in files if (fault := weights_fault(folder / file)))]


def _weights(folder: Path) -> list[str]:
    if (folder / _INDEX).is_file():
        return sorted(set(json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
    return [_WHOLE] if (folder / _WHOLE).exists() or (folder / _WHOLE).is_symlink() else []


def weights_fault(file: Path) -> str:
    """Say what is wrong with a file of safetensors, or give an empty text.

    A header of JSON, whose length is in the first eight bytes, gives the end of each tensor after it; the file ends
    where the last one does (https://github.com/huggingface/safetensors, "Format").
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            start = opened.read(len(_POINTER))
            if start == _POINTER:
                return f"{file.name} is a pointer of Git LFS, not the file itself (git lfs pull fetches it)"
            opened.seek(0)
            length = int.from_bytes(opened.read(8), "little")
            if not 0 < length <= min(_HEADER_BYTES, size):
                return f"{file.name} is no file of safetensors, or is cut short"
            header = json.loads(opened.read(length))
        end = (
            8
            + length
            + max((one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"), default=0)
        )
    except OSError as error:
        return f"{file.name} can't be read: {(error.strerror or str(error)).lower()}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{file.name} is no file of safetensors, or is cut short"
    return "" if size == end else f"{file.name} has {size} bytes; expected {end}"
