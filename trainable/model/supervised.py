"""What a model makes of the positions that predict a supervised token, and no more of others than these need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import Cache
from typing_extensions import override

from trainable.data.collate import Batch
from trainable.model.prefix_cache import bare_model, language_model, upper_layers


def supervised_states(model: Any, batch: Batch, *, cache: Cache | None = None) -> Tensor:
    """Give what enters the head; the last layer gives other positions their keys and values alone.

    Args:
        model: The base, with or without an adapter of PEFT.
        batch: Its rows.
        cache: Takes the keys and values of all positions.

    Returns:
        In the order in which ``batch.keep`` selects, of shape ``[k, width]``.

    """
    inner = bare_model(model)
    inputs = {**batch.inputs, "cache": cache, "use_cache": cache is not None}
    with upper_layers(model, batch.depth):
        language = language_model(model)
        if not _can_narrow(inner, language):
            return inner.model(**inputs).last_hidden_state[batch.keep]
        with _narrowed(language, batch.keep):
            return inner.model(**inputs).last_hidden_state[0]


def all_states(base: Any, batch: Batch) -> Tensor:
    """Give the same of a base whose layers treat rows apart, as those of a pack do: all positions of every layer."""
    return base.model(**batch.inputs, use_cache=False).last_hidden_state[batch.keep]


class _At(nn.Module):
    """A layer that is asked for some positions only."""

    def __init__(self, layer: nn.Module, keep: Tensor) -> None:
        super().__init__()
        self.layer, self._keep = layer, keep

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x[self._keep])


class _LastLayer(nn.Module):
    """A decoder layer with the modules of another one, whose output and MLP stand at some positions only.

    Args:
        layer: Of transformers; the same in all families.
        keep: The positions, bool, of shape ``[b, n]``.

    """

    def __init__(self, layer: Any, keep: Tensor) -> None:
        super().__init__()
        self.layer, self._keep = layer, keep

    @override
    def forward(self, hidden: Tensor, **settings: Any) -> Tensor:
        attended, _ = self.layer.self_attn(hidden_states=self.layer.input_layernorm(hidden), **settings)
        hidden = hidden[self._keep] + attended
        return (hidden + self.layer.mlp(self.layer.post_attention_layernorm(hidden)))[None]


@contextmanager
def _narrowed(language: Any, keep: Tensor) -> Iterator[None]:
    last = language.layers[-1]
    attention, projection = last.self_attn, last.self_attn.o_proj
    language.layers[-1], attention.o_proj = _LastLayer(last, keep), _At(projection, keep)
    try:
        yield
    finally:
        language.layers[-1], attention.o_proj = last, projection


def _can_narrow(inner: Any, language: Any) -> bool:
    """Say whether the last layer's other positions are of no use.

    They are where features of images are added after it (Qwen3-VL's first layers). Where it drops out, fewer positions
    would be other draws, and a trial would not be the same in a pack.
    """
    last = language.layers[-1]
    deepstack = len(getattr(inner.model.visual, "deepstack_visual_indexes", ()))
    drops = last.training and any(isinstance(part, nn.Dropout) and part.p > 0 for part in last.modules())
    return len(language.layers) > deepstack and not drops
