"""What the frozen vision tower makes of each image: computed once, kept on disk, shared by the workers of a node."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from cachetools import LRUCache
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling

from spaces.trial import CacheConfig
from trainable.data.records import ImageSource
from trainable.errors import ModelError
from trainable.model.fingerprint import fingerprint
from trainable.model.load import Base, Pixels

_log = logging.getLogger(__name__)

_TOWER = "model.visual."
_MEMORY_BYTES = 512 * 2**20
"""Of features that the disk has no room for."""
_MOST_MAPPED = 8192
"""Files mapped at a time; a process may have some 65,000 mappings."""
_COUNTED_ANEW = 256
"""Files written between two looks at what the folder holds, since other workers write as well."""
_IDLE_S = 24 * 3600.0
"""Features of another base may be removed if nobody opened them for so long."""
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Features:
    """One image as the language model takes it.

    Attributes:
        pooled: The merger's output, in the model's dtype, of shape ``[tokens, hidden]``.
        deepstack: Qwen3-VL's features for its first layers, each of the same shape; empty for other families.
        grid: Patches in time, height and width.

    """

    pooled: Tensor
    deepstack: tuple[Tensor, ...]
    grid: tuple[int, int, int]

    @property
    def tokens(self) -> int:
        """Tokens that the language model sees in its place."""
        return len(self.pooled)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(value.nbytes for value in (self.pooled, *self.deepstack))


@torch.no_grad()
def encode(base: Base, pixels: Pixels) -> Features:
    """Run the vision tower on one image.

    An image alone gives the same bits on a CPU as in any batch; on a GPU the kernels depend on the batch.

    Raises:
        ModelError: If the tower gives another number of tokens than the processor said.

    """
    grid = torch.tensor([pixels.grid], device=base.device)
    values = pixels.values.to(base.device)
    out = base.model.model.get_image_features(values, grid, return_dict=True)
    (pooled,) = out.pooler_output
    if len(pooled) != pixels.tokens:
        raise ModelError(f"the vision tower gives {len(pooled)} tokens for an image that has {pixels.tokens}")
    deepstack = tuple(layer[0].cpu() for layer in getattr(out, "deepstack_features", None) or ())
    return Features(pooled.to(base.model.dtype).cpu(), deepstack, pixels.grid)


def encoder_outputs(images: Sequence[Features], device: torch.device) -> dict[str, BaseModelOutputWithPooling]:
    """Give what transformers takes as ``mm_encoder_outputs`` in place of pixels."""
    out: Any = BaseModelOutputWithPooling(pooler_output=tuple(image.pooled.to(device) for image in images))  # pyright: ignore[reportArgumentType] - the tower itself gives a tuple, an image each
    layers = {len(image.deepstack) for image in images}
    if layers != {0}:
        (count,) = layers
        out.deepstack_features = [tuple(image.deepstack[layer].to(device) for image in images) for layer in range(count)]
    return {"image": out}


class VisionCache:
    """Features by image.

    A file an image, in a folder whose name is a hash of everything that decides on the features: the tower's weights,
    the processor's settings, the dtype, the kind of device, and the versions of torch and transformers. The name of a
    file is the hash of the image's bytes. Files appear whole, so that workers fill the folder side by side, and what an
    interrupted sweep has computed serves the next one. What the disk has no room for is kept in memory, as far as 512
    MiB go, and computed again beyond.
    """

    def __init__(self, base: Base, config: CacheConfig) -> None:
        self._base, self._budget = base, config.disk
        self._root = Path(config.folder) if config.folder else default_folder()
        self._memory: LRUCache[str, Features] = LRUCache(_MEMORY_BYTES, getsizeof=lambda value: value.nbytes)
        self._mapped: LRUCache[str, Features] = LRUCache(_MOST_MAPPED)
        self.folder = self._root / _identity(base)
        self._is_full = self._budget == 0
        self._left = self._unseen = 0
        with suppress(OSError):
            os.utime(self.folder)  # in use: others leave it alone

    def check_frozen(self) -> None:
        """See that nothing of the vision tower is trained, which would make all features stale.

        Raises:
            ModelError: If something is.

        """
        trained = [name for name, value in self._base.model.model.visual.named_parameters() if value.requires_grad]
        if trained:
            raise ModelError(
                f"the vision tower would be trained ({trained[0]}), but its outputs are computed once for all trials; "
                "let adapters lie on the language model alone"
            )

    def features(self, image: ImageSource) -> Features:
        """Give the features of an image, computing them if nobody has yet.

        Raises:
            DataError: If the image can't be read.

        """
        for memory in (self._mapped, self._memory):
            if (found := memory.get(image.key)) is not None:
                return found
        path = None if self._budget == 0 else self._path(image)
        found = None if path is None else _read(path)
        if found is None:
            found = encode(self._base, self._base.pixels(image.load()))
            written = self._write(path, found) if path is not None else None
            if written is None:
                if found.nbytes <= _MEMORY_BYTES:
                    self._memory[image.key] = found
                return found
            found = written
        self._mapped[image.key] = found
        return found

    def _path(self, image: ImageSource) -> Path | None:
        try:
            digest = image.digest()
        except OSError:
            return None  # opening it says what is wrong
        return self.folder / digest[:2] / f"{digest}{_SUFFIX}"

    def _write(self, path: Path, features: Features) -> Features | None:
        """Put features on disk and give them back mapped; ``None`` if there is no room."""
        if self._is_full or not self._has_room(features.nbytes):
            return None
        tensors = {"pooled": features.pooled.contiguous()}
        tensors |= {f"deepstack.{layer}": value.contiguous() for layer, value in enumerate(features.deepstack)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as part:
                pass
            try:
                save_file(tensors, part.name, metadata={"grid": json.dumps(features.grid)})
                Path(part.name).replace(path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
        except (OSError, SafetensorError) as error:
            _log.warning("%s takes no more features of images, they are kept in memory: %s", self.folder, error)
            self._is_full = True
            return None
        self._left -= path.stat().st_size
        self._unseen += 1
        return _read(path)

    def _has_room(self, size: int) -> bool:
        if self._budget is None:
            return True
        if self._left < size or self._unseen >= _COUNTED_ANEW:
            self._unseen = 0
            self._left = self._budget - folder_bytes(self._root)
            if self._left < size:
                self._left += _remove_idle(self._root, keep=self.folder)
        if self._left >= size:
            return True
        self._is_full = True
        _log.warning(
            "model.cache.disk (%d bytes) is used up in %s: more features of images are kept in memory and computed "
            "again when it is full; raise it",
            self._budget,
            self._root,
        )
        return False


def default_folder() -> Path:
    """Give ``paretune/features`` below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paretune" / "features"


def folder_bytes(folder: Path) -> int:
    """Add up the files of a folder, in bytes; what vanishes meanwhile counts nothing."""
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(directory) / name).stat().st_size
            except OSError:
                continue
    return total


def _identity(base: Base) -> str:
    """Hash what decides on features beside the image."""
    processor = base.processor.image_processor
    parts = {
        "tower": fingerprint(base.model, below=_TOWER),
        "processor": processor.to_json_string(),
        "dtype": str(base.model.dtype),
        "device": base.device.type,
        "versions": [torch.__version__, transformers.__version__],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _read(path: Path) -> Features | None:
    """Map features; ``None`` if there are none, or none that can be read."""
    try:
        with safe_open(path, framework="pt") as file:
            grid = tuple(json.loads(file.metadata()["grid"]))
            layers = [f"deepstack.{layer}" for layer in range(len(file.keys()) - 1)]
            return Features(file.get_tensor("pooled"), tuple(map(file.get_tensor, layers)), grid)
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        _log.warning("%s is computed anew, it can't be read: %s", path, error)
        return None


def _remove_idle(root: Path, *, keep: Path) -> int:
    """Remove the features of bases that nobody opened for a day; gives the bytes that this freed."""
    freed = 0
    for folder in root.iterdir():
        if folder != keep and time.time() - folder.stat().st_mtime > _IDLE_S:
            size = folder_bytes(folder)
            shutil.rmtree(folder, ignore_errors=True)
            freed += size
            _log.warning("removed %s: %d bytes of features that were not used for a day", folder, size)
    return freed
