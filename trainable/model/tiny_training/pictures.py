"""Many scenes at once as the vision tower takes them; all of one size, which is what makes it fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb_vision
from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
from transformers.vision_utils import get_vision_position_ids

from trainable.data.scenes import SIDE_PX, Scene, draw_scene
from trainable.model.tiny import MERGE, PATCH_PX

CELLS = SIDE_PX // (PATCH_PX * MERGE)
"""Image tokens along a side."""
GRID = (1, SIDE_PX // PATCH_PX, SIDE_PX // PATCH_PX)


def scene_patches(scenes: Sequence[Scene]) -> Tensor:
    """Draw scenes and cut them as Qwen2-VL's image processor does.

    Returns:
        Normalised patches, float32, of shape ``[scenes, 64, 1176]``.

    """
    pixels = np.stack([np.asarray(draw_scene(scene)) for scene in scenes]).astype(np.float32) / 255
    pixels = (pixels - np.array(OPENAI_CLIP_MEAN, np.float32)) / np.array(OPENAI_CLIP_STD, np.float32)
    cut = pixels.reshape(len(scenes), CELLS, MERGE, PATCH_PX, CELLS, MERGE, PATCH_PX, 3)
    cut = cut.transpose(0, 1, 4, 2, 5, 7, 3, 6)  # cell row, cell column, patch row, patch column, channel, pixel rows
    twice = np.repeat(cut[:, :, :, :, :, :, None], 2, axis=6)
    return torch.from_numpy(np.ascontiguousarray(twice).reshape(len(scenes), -1, 3 * 2 * PATCH_PX * PATCH_PX))


def image_features(tower: Any, patches: Tensor) -> Tensor:
    """Run the tower on equal pictures in one batch; its own ``forward`` takes them one after the other.

    Args:
        tower: ``model.model.visual``.
        patches: Of shape ``[b, 64, 1176]``.

    Returns:
        What the language model sees, of shape ``[b, 16, width]``.

    """
    batch, length, _ = patches.shape
    places = get_vision_position_ids(torch.tensor([GRID]), MERGE)
    cos, sin = tower.rotary_pos_emb(patches, places)
    hidden = patches @ tower.patch_embed.proj.weight.flatten(1).T
    for block in tower.blocks:
        attention = block.attn
        mixed = attention.qkv(block.norm1(hidden)).view(batch, length, 3, attention.num_heads, -1)
        query, key, value = mixed.unbind(2)
        query, key = apply_rotary_pos_emb_vision(query, key, cos, sin)
        seen = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), scale=attention.scaling
        )
        hidden = hidden + attention.proj(seen.transpose(1, 2).reshape(batch, length, -1))
        hidden = hidden + block.mlp(block.norm2(hidden))
    return tower.merger(hidden).view(batch, CELLS * CELLS, -1)
