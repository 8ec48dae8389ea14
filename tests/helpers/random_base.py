"""A random model of one of the three families saved to disk, with a tokenizer that somebody else made."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

_ADDED = {
    "<|im_end|>": 151645,
    "<|vision_start|>": 151652,
    "<|vision_end|>": 151653,
    "<|image_pad|>": 151655,
    "<|video_pad|>": 151656,
}
_HIDDEN = 32
_TOWERS: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"depth": 1, "embed_dim": 32, "hidden_size": _HIDDEN, "num_heads": 2, "mlp_ratio": 2},
    "qwen2_5_vl": {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": _HIDDEN,
        "fullatt_block_indexes": [1],
    },
    "qwen3_vl": {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": _HIDDEN,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    },
}
_KINDS: dict[str, tuple[type, type]] = {
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
    "qwen3_vl": (Qwen3VLConfig, Qwen3VLForConditionalGeneration),
}


def save_random_base(
    folder: Path, tokenizer: Path, *, vocabulary: int = 151_936, family: str = "qwen2_vl", max_pixels: int = 12544
) -> Path:
    """Save a small random model with the vocabulary of the published ones.

    Args:
        folder: Where it goes.
        tokenizer: Folder of a Qwen2-VL tokenizer; its files are copied beside the weights.
        vocabulary: Rows of the embedding, more than the tokenizer has tokens, as in the published models.
        family: ``model_type`` of the model.
        max_pixels: Budget of the image processor.

    """
    torch.manual_seed(0)
    config_type, model_type = _KINDS[family]
    config = config_type(
        text_config={
            "vocab_size": vocabulary,
            "hidden_size": _HIDDEN,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
            "tie_word_embeddings": True,
        },
        vision_config=_TOWERS[family],
        image_token_id=_ADDED["<|image_pad|>"],
        video_token_id=_ADDED["<|video_pad|>"],
        vision_start_token_id=_ADDED["<|vision_start|>"],
        vision_end_token_id=_ADDED["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    model = model_type(config)
    # the published checkpoints bring sampling settings; an evaluation must not pick them up
    model.generation_config.update(repetition_penalty=1.3, temperature=0.01, top_k=1, do_sample=True)
    model.save_pretrained(folder)
    patch = 16 if family == "qwen3_vl" else 14
    sizes = {"shortest_edge": 3136, "longest_edge": max_pixels}
    Qwen2VLImageProcessorPil(size=sizes, patch_size=patch).save_pretrained(folder)
    for file in ("vocab.json", "merges.txt", "tokenizer_config.json", "chat_template.jinja", "chat_template.json"):
        shutil.copyfile(tokenizer / file, folder / file)
    return folder
