"""What the layers below a trial's adapter make of each row: frozen, so computed once for all trials, and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spaces.trial import CacheConfig
from trainable.model.load import Base
from trainable.model.tensor_store import TensorStore
from trainable.model.vision_cache import identity_of

_HIDDEN = "hidden"


def layer_count(base: Base) -> int:
    """Give the number of layers of a base's language model."""
    return len(base.model.model.language_model.layers)


@contextmanager
def upper_layers(model: Any, depth: int) -> Iterator[None]:
    """Let a model start at a layer: it then takes, as ``inputs_embeds``, what the layers below would have given."""
    if not depth:
        yield
        return
    with _only(language_model(model), depth, None):
        yield


class PrefixCache:
    """Hidden states by row and depth.

    Args:
        base: Frozen.
        config: Where they are kept.
        weights: The fingerprint of the base.

    """

    def __init__(self, base: Base, config: CacheConfig, weights: str) -> None:
        self._base, self._config, self._weights = base, config, weights
        self._stores: dict[int, TensorStore] = {}

    def usable(self, depth: int) -> int:
        """Give the depth down to which rows need not be computed again, or 0.

        It is 0 where layers differ in their attention, drop out, or get an image's features between them below the
        depth (Qwen3-VL's first layers).

        Args:
            depth: Layers below the lowest adapter.

        """
        config = self._base.model.config.get_text_config()
        deepstack = len(getattr(self._base.model.model.visual, "deepstack_visual_indexes", ()))
        if depth < deepstack or len(set(getattr(config, "layer_types", ()))) > 1 or config.attention_dropout:
            return 0
        return depth

    def hidden(self, row: str, depth: int, *, name: Callable[[], str], inputs: Callable[[], dict[str, Any]]) -> Tensor:
        """Give what enters a layer.

        Args:
            row: Names the row in this process.
            depth: The layer, at least 1.
            name: Gives a text that names the row's tokens and images on every machine.
            inputs: Gives what ``forward`` takes for the row alone.

        Returns:
            In the model's dtype, of shape ``[n, hidden]``.

        """
        if depth not in self._stores:
            identity = identity_of(self._base, f"{self._weights} below layer {depth}")
            self._stores[depth] = TensorStore(identity, self._config)
        kept = self._stores[depth].get(
            row,
            name=lambda: hashlib.sha256(name().encode()).hexdigest(),
            compute=lambda: {_HIDDEN: self._computed(depth, inputs())},
        )
        return kept[_HIDDEN]

    @torch.no_grad()
    def _computed(self, depth: int, inputs: dict[str, Any]) -> Tensor:
        with _only(language_model(self._base.model), 0, depth):
            return self._base.model.model(**inputs).last_hidden_state[0].cpu()


def language_model(model: Any) -> Any:
    """Give the language model of a base, or of a PEFT model around one."""
    return bare_model(model).model.language_model


def bare_model(model: Any) -> Any:
    """Give the model of transformers that a PEFT model is around; any other model is one."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def _only(language: Any, start: int, stop: int | None) -> Iterator[None]:
    """Leave a language model some of its layers, and the norm at its end if the last layer is among them."""
    layers, norm = language.layers, language.norm
    language.layers = layers[start:stop]
    if stop is not None:
        language.norm = nn.Identity()
    try:
        yield
    finally:
        language.layers, language.norm = layers, norm
