"""The folder that every ``from_pretrained`` takes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from trainable.data.scenes import SIDE_PX
from trainable.model.tiny import MERGE, PATCH_PX


def save_base(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write weights as fp16, tokenizer, chat template, image settings and generation settings.

    A picture of 112 x 112 stays as it is; a larger one shrinks to at most twice its pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(model).to(torch.float16)
    half.generation_config = GenerationConfig(
        bos_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    half.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        size={"shortest_edge": SIDE_PX**2, "longest_edge": 2 * SIDE_PX**2},
        patch_size=PATCH_PX,
        merge_size=MERGE,
    ).save_pretrained(folder)
