"""The embedded tiny base: where it lies and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from transformers import Qwen2VLConfig

TINY_NAME = "tiny"
"""What a sweep writes as its model to get the embedded base."""

TOWER_WIDTH, TOWER_DEPTH, TOWER_HEADS = 96, 3, 3
WIDTH, DEPTH, HEADS, KEY_HEADS, INNER = 128, 4, 4, 2, 384
PATCH_PX, MERGE = 14, 2
POSITIONS = 4096


def tiny_folder() -> Path:
    """Give the folder with the base's weights, tokenizer and settings; every ``from_pretrained`` takes it."""
    return Path(__file__).parent / "assets" / "tiny"


def tiny_config(token_ids: Mapping[str, int], *, vocabulary: int) -> Qwen2VLConfig:
    """Build the architecture: a real Qwen2-VL of about 1.5 million parameters.

    Args:
        token_ids: Ids of Qwen's special tokens by name.
        vocabulary: Number of embedding rows.

    Returns:
        A configuration with tied embeddings, whose heads are 32 wide.

    """
    return Qwen2VLConfig(
        text_config={
            "vocab_size": vocabulary,
            "hidden_size": WIDTH,
            "intermediate_size": INNER,
            "num_hidden_layers": DEPTH,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KEY_HEADS,
            "max_position_embeddings": POSITIONS,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
            "bos_token_id": token_ids["<|endoftext|>"],
            "eos_token_id": token_ids["<|im_end|>"],
            "pad_token_id": token_ids["<|endoftext|>"],
        },
        vision_config={
            "embed_dim": TOWER_WIDTH,
            "hidden_size": WIDTH,
            "depth": TOWER_DEPTH,
            "num_heads": TOWER_HEADS,
            "mlp_ratio": 4,
            "patch_size": PATCH_PX,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
        },
        image_token_id=token_ids["<|image_pad|>"],
        video_token_id=token_ids["<|video_pad|>"],
        vision_start_token_id=token_ids["<|vision_start|>"],
        vision_end_token_id=token_ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
