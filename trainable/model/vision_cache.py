"""What the frozen vision tower makes of each image: computed once for all trials, and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling

from spaces.trial import CacheConfig
from trainable.data.records import ImageSource
from trainable.errors import DataError, ModelError
from trainable.model.fingerprint import fingerprint
from trainable.model.load import Base, Pixels
from trainable.model.tensor_store import TensorStore

_TOWER = "model.visual."
_POOLED, _GRID = "pooled", "grid"


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


@torch.no_grad()
def encode(base: Base, pixels: Pixels) -> Features:
    """Run the vision tower on one image.

    An image alone gives the same bits on a CPU as in any batch; on a GPU the kernels depend on the batch.

    Raises:
        ModelError: If the tower gives another number of tokens than the processor said.

    """
    grid = torch.tensor([pixels.grid], device=base.device)
    out = base.model.model.get_image_features(pixels.values.to(base.device), grid, return_dict=True)
    (pooled,) = out.pooler_output
    if len(pooled) != pixels.tokens:
        raise ModelError(f"the vision tower gives {len(pooled)} tokens for an image that has {pixels.tokens}")
    deepstack = tuple(layer[0].cpu() for layer in getattr(out, "deepstack_features", None) or ())
    return Features(pooled.to(base.model.dtype).cpu(), deepstack, pixels.grid)


def encoder_outputs(images: Sequence[Features], device: torch.device) -> dict[str, BaseModelOutputWithPooling]:
    """Give what transformers takes as ``mm_encoder_outputs`` in place of pixels."""
    pooled: Any = tuple(image.pooled.to(device) for image in images)  # as the towers themselves give it
    out: Any = BaseModelOutputWithPooling(pooler_output=pooled)
    if layers := len(images[0].deepstack):
        out.deepstack_features = [
            tuple(image.deepstack[layer].to(device) for image in images) for layer in range(layers)
        ]
    return {"image": out}


class VisionCache:
    """Features by image.

    They depend on the tower's weights, the processor's settings, the dtype, the kind of device, and the versions of
    torch and transformers; the image counts by the hash of its bytes.
    """

    def __init__(self, base: Base, config: CacheConfig) -> None:
        self._base = base
        self._store = TensorStore(identity_of(base, fingerprint(base.model, below=_TOWER)), config)

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
        kept = self._store.get(image.key, name=lambda: digest_of(image), compute=lambda: self._computed(image))
        layers = tuple(kept[f"deepstack.{layer}"] for layer in range(len(kept) - 2))
        time, height, width = kept[_GRID].tolist()
        return Features(kept[_POOLED], layers, (time, height, width))

    def _computed(self, image: ImageSource) -> dict[str, Tensor]:
        found = encode(self._base, self._base.pixels(image.load()))
        deepstack = {f"deepstack.{layer}": value for layer, value in enumerate(found.deepstack)}
        return {_POOLED: found.pooled, _GRID: torch.tensor(found.grid), **deepstack}


def digest_of(image: ImageSource) -> str:
    """Give the hash of an image's bytes.

    Raises:
        DataError: If it can't be read.

    """
    try:
        return image.digest()
    except OSError as error:
        raise DataError(f"the image {image.label} can't be read: {error.strerror}") from error


def identity_of(base: Base, weights: str) -> str:
    """Hash all but the row that decides on what a part of a base computes.

    Args:
        base: Its processor, dtype and device.
        weights: The fingerprint of the part, and which part it is.

    """
    parts = {
        "weights": weights,
        "processor": base.processor.image_processor.to_json_string(),
        "dtype": str(base.model.dtype),
        "device": base.device.type,
        "versions": [torch.__version__, transformers.__version__],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
