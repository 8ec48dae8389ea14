"""A trial's adapter as a folder that PEFT loads on the untouched base."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText

from spaces.adapter import AdapterConfig
from spaces.trial import ModelConfig
from trainable.errors import ModelError
from trainable.model.adapter import attach_adapter
from trainable.model.load import Base, base_folder, load_processor


def write_peft_folder(
    folder: Path, tensors: Sequence[Tensor], *, model: ModelConfig, adapter: AdapterConfig, base_name: str | None = None
) -> None:
    """Write ``adapter_model.safetensors`` and ``adapter_config.json``, as PEFT itself writes them.

    The base's weights are not loaded: its layers come from its ``config.json``, on the meta device.

    Args:
        folder: Of the adapter.
        tensors: The adapter's parameters in the order of a trial's checkpoint.
        model: Of the sweep.
        adapter: Of the trial.
        base_name: What is written down as the base; what the sweep loaded if absent.

    Raises:
        ModelError: If the base's configuration can't be loaded, or the parameters are not those of such an adapter.
        OSError: If the folder can't be written.

    """
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # PEFT's own use of transformers
        peft_model = attach_adapter(_without_weights(model), adapter, seed=0)
    wanted = {name: value.shape for name, value in peft_model.named_parameters() if value.requires_grad}
    if [tuple(shape) for shape in wanted.values()] != [tuple(tensor.shape) for tensor in tensors]:
        raise ModelError(
            f"the checkpoint holds {len(tensors)} factors that are not those of an adapter of rank {adapter.rank} on "
            f"{model.path!r}, which has {len(wanted)}; was the model's folder changed since the sweep?"
        )
    peft_model.peft_config["default"].base_model_name_or_path = base_name or base_folder(model)
    state = dict(zip(wanted, (tensor.contiguous() for tensor in tensors), strict=True))
    peft_model.save_pretrained(folder, state_dict=state, save_embedding_layers=False)
    weights, settings = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    weights.chmod(settings.stat().st_mode)  # safetensors lets nobody else read them


def _without_weights(config: ModelConfig) -> Base:
    processor = load_processor(config)
    settings = AutoConfig.from_pretrained(base_folder(config))
    with torch.device("meta"):
        model: Any = AutoModelForImageTextToText.from_config(settings, dtype=getattr(torch, config.dtype))
    return Base(model.requires_grad_(False).eval(), processor, torch.device("meta"))
