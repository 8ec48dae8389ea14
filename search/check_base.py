"""Whether the files of a base are whole, by their headers and sizes; no weights are read."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path

from search.errors import CheckError
from search.planning.base import base_config

BASE_FIX = "the folder of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL model"
"""What a path that is no base must be set to."""
_POINTER = b"version https://git-lfs"
_TOKENIZERS = ("tokenizer.json", "vocab.json")
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_INDEX, _WHOLE = "model.safetensors.index.json", "model.safetensors"
_HEADER_BYTES = 100 * 2**20
_PICKLED = "pytorch_model*.bin"
"""Weights that are loaded too, and of which no size is known beforehand."""
_SHOWN = 3


def check_base_folder(path: str) -> None:
    """See that the folder of a base is there; a name on the hub may be absent.

    Args:
        path: As in a spec: ``tiny``, an absolute path, or a name on the hub.

    Raises:
        CheckError: If there is no such folder, or it has no ``config.json``.

    """
    if Path(path).is_absolute() and base_config(path) is None:
        raise CheckError(f"model.path: {path}: {absence(Path(path))}; set it to {_near(Path(path)) or BASE_FIX}")


def check_base_files(path: str) -> None:
    """See that a base can be loaded, before anything starts: no file is missing, cut short, or a pointer of Git LFS.

    Of a name on the hub only files in the local cache are looked at; a worker downloads those that are missing.

    Args:
        path: As in a spec.

    Raises:
        CheckError: If not, or if there is no such folder; it names the files.

    """
    check_base_folder(path)
    config = base_config(path)
    if config is None:
        return
    folder = config.parent
    faults = folder_faults(folder) if Path(path).is_absolute() else _cached_faults(folder)
    if faults:
        more = f", and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        what = "it" if len(faults) == 1 else "them"
        found = ", and ".join(faults[:_SHOWN]) + more
        raise CheckError(f"model.path: the base in {folder} is not whole: {found}; copy or download {what} anew")


def absence(folder: Path) -> str:
    """Say why a path is no base, as far as it is none by having no ``config.json``."""
    if folder.is_dir():
        return "it has no config.json"
    return "it is a file, not a folder" if folder.exists() else "there is no such folder"


def _near(folder: Path) -> str:
    """Name a base beside a folder that is not there, if its name is nearly the same."""
    bases = [file.parent.name for file in folder.parent.glob("*/config.json")]
    near = get_close_matches(folder.name, bases, n=1)
    return f"{folder.with_name(near[0])}, if that is meant" if near else ""


def _cached_faults(folder: Path) -> list[str]:
    try:
        files = [folder / name for name in _weights(folder)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{_INDEX} can't be read: {error}"]
    return [fault for file in files if file.exists() and (fault := weights_fault(file))]


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
    if not files and not any(folder.glob(_PICKLED)):
        faults.append(f"it has no weights ({_WHOLE} or {_INDEX})")
    return [*faults, *(fault for file in files if (fault := weights_fault(folder / file)))]


def _weights(folder: Path) -> list[str]:
    """Name the files of weights as transformers chooses them: one file before those of an index."""
    if (folder / _INDEX).is_file() and not (folder / _WHOLE).is_file():
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
