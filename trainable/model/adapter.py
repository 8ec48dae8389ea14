"""LoRA adapters on the language model of a frozen base."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear as LoraLinear
from torch import nn
from torch.nn import Parameter

from spaces.adapter import AdapterConfig, AdapterInit, TargetGroup
from trainable.errors import ModelError
from trainable.model.load import Base
from trainable.model.lora import FusedLora
from trainable.model.prefix_cache import layer_count

_LINEARS: dict[TargetGroup, str] = {
    "attention": r"self_attn\.(q|k|v|o)_proj",
    "mlp": r"mlp\.(gate|up|down)_proj",
    "all": r"(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)",
}

_INITIAL: dict[AdapterInit, bool | str] = {"kaiming": True, "gaussian": "gaussian", "orthogonal": "orthogonal"}

_ROOT, _NAME = "base_model.model.", "default"
"""What PEFT puts before the name of a module, and how it calls an adapter."""

_TRAINABLE = re.compile(r"base_model\.model\.model\.language_model\.layers\.\d+\..*\.lora_[AB]\.default\.weight")


def target_regex(targets: TargetGroup, *, first_layer: int, layers: int) -> str:
    """Give the pattern of the modules that get an adapter; PEFT matches a whole name against it.

    Args:
        targets: Linear layers of each layer of the language model.
        first_layer: The lowest layer that gets one.
        layers: Number of layers.

    """
    chosen = "|".join(map(str, range(first_layer, layers)))
    return rf"model\.language_model\.layers\.({chosen})\.{_LINEARS[targets]}"


def first_layer(config: AdapterConfig, *, layers: int) -> int:
    """Give the lowest layer that gets an adapter.

    Raises:
        ModelError: If the language model has fewer layers than ``last_layers``.

    """
    if not config.last_layers:
        return 0
    if config.last_layers > layers:
        raise ModelError(f"adapter.last_layers is {config.last_layers}, but the language model has {layers} layers")
    return layers - config.last_layers


def attach_adapter(base: Base, config: AdapterConfig, *, seed: int) -> Any:
    """Put a fresh adapter on the base.

    Args:
        base: Changed in place until ``detach_adapter``.
        config: Rank, scale, dropout and targets.
        seed: Of the adapter's first weights; PEFT draws them from torch's global generator.

    Returns:
        The PEFT model, in training mode.

    Raises:
        ModelError: If something outside the language model's adapters could be trained, or it has too few layers.

    """
    layers = layer_count(base)
    targets = target_regex(config.targets, first_layer=first_layer(config, layers=layers), layers=layers)
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.rank * config.alpha_ratio,  # pyright: ignore[reportArgumentType] - PEFT takes a float
        lora_dropout=config.dropout,
        use_rslora=config.rank_stabilised,
        target_modules=targets,
        init_lora_weights=_INITIAL[config.init],  # pyright: ignore[reportArgumentType] - PEFT annotates fewer names
        bias="none",
    )
    lora._register_custom_module({nn.Linear: FusedLora})  # PEFT's documented way to bring layers of one's own
    model = get_peft_model(base.model, lora)
    strays = [name for name, value in model.named_parameters() if value.requires_grad and not _TRAINABLE.match(name)]
    if strays:
        detach_adapter(model)
        raise ModelError(f"only adapters of the language model may be trained; found {strays[:3]}")
    return model.train()


def detach_adapter(model: Any) -> None:
    """Take the adapter off again; the base is bitwise what it was."""
    model.unload().eval()


@contextmanager
def merged(model: Any) -> Iterator[None]:
    """Add the adapter to the weights below it, for passes without gradient: one product a layer instead of three.

    Only where weights are float32: bfloat16 would round the sum, and answers would be others than those of the adapter
    as it is exported. The weights themselves are put aside, not computed back, so the base stays bitwise what it was.

    Args:
        model: With a PEFT adapter; anything else is left as it is.

    """
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLinear) and _is_mergeable(layer)]
    aside: list[tuple[Parameter, torch.Tensor]] = []
    try:
        for layer in layers:
            weight: Any = layer.get_base_layer().weight
            aside.append((weight, weight.data))
            for adapter in layer.active_adapters:
                weight.data = weight.data + layer.get_delta_weight(adapter)
                layer.merged_adapters.append(adapter)
        yield
    finally:
        for weight, data in aside:
            weight.data = data
        for layer in layers:
            layer.merged_adapters.clear()


def _is_mergeable(layer: LoraLinear) -> bool:
    weight: Any = layer.get_base_layer().weight
    return weight.dtype == torch.float32 and not layer.merged


@dataclass(frozen=True)
class Factors:
    """The adapter of one linear layer: it adds ``scale * up @ down @ x``.

    Attributes:
        down: Of shape ``[rank, inputs]``.
        up: Of shape ``[outputs, rank]``.
        scale: alpha over the rank or its root.

    """

    down: Parameter
    up: Parameter
    scale: float


def fresh_factors(base: Base, config: AdapterConfig, *, seed: int) -> dict[str, Factors]:
    """Give the fresh adapter that ``attach_adapter`` puts on the base, without the base.

    Args:
        base: Without an adapter; on return as well.
        config: Rank, scale and targets.
        seed: Of the adapter's first weights; torch's global generator is left as ``attach_adapter`` leaves it.

    Returns:
        The factors by the name of the linear layer in the base, in the order of the PEFT model's parameters.

    """
    model = attach_adapter(base, config, seed=seed)
    factors = {
        name.removeprefix(_ROOT): Factors(
            module.lora_A[_NAME].weight, module.lora_B[_NAME].weight, module.scaling[_NAME]
        )
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }
    detach_adapter(model)
    return factors
