"""LoRA adapters on the language model of a frozen base."""

from __future__ import annotations

import re
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from spaces.adapter import AdapterConfig, TargetGroup
from trainable.errors import ModelError
from trainable.model.load import Base

_LINEARS: dict[TargetGroup, str] = {
    "attention": r"self_attn\.(q|k|v|o)_proj",
    "mlp": r"mlp\.(gate|up|down)_proj",
    "all": r"(self_attn\.(q|k|v|o)_proj|mlp\.(gate|up|down)_proj)",
}

_TRAINABLE = re.compile(r"base_model\.model\.model\.language_model\.layers\.\d+\..*\.lora_[AB]\.default\.weight")


def target_regex(targets: TargetGroup) -> str:
    """Give the pattern of the modules that get an adapter; PEFT matches a whole name against it."""
    return rf"model\.language_model\.layers\.\d+\.{_LINEARS[targets]}"


def attach_adapter(base: Base, config: AdapterConfig, *, seed: int) -> Any:
    """Put a fresh adapter on the base.

    Args:
        base: Changed in place until ``detach_adapter``.
        config: Rank, scale, dropout and targets.
        seed: Of the adapter's first weights; PEFT draws them from torch's global generator.

    Returns:
        The PEFT model, in training mode.

    Raises:
        ModelError: If something outside the language model's adapters could be trained.

    """
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.rank * config.alpha_ratio,  # pyright: ignore[reportArgumentType] - PEFT takes a float
        lora_dropout=config.dropout,
        use_rslora=config.rank_stabilised,
        target_modules=target_regex(config.targets),
        bias="none",
    )
    model = get_peft_model(base.model, lora)
    strays = [name for name, value in model.named_parameters() if value.requires_grad and not _TRAINABLE.match(name)]
    if strays:
        detach_adapter(model)
        raise ModelError(f"only adapters of the language model may be trained; found {strays[:3]}")
    return model.train()


def detach_adapter(model: Any) -> None:
    """Take the adapter off again; the base is bitwise what it was."""
    model.unload().eval()
