"""A random Qwen2-VL saved to disk, with a tokenizer that somebody else made."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

_ADDED = {
    "<|im_end|>": 151645,
    "<|vision_start|>": 151652,
    "<|vision_end|>": 151653,
    "<|image_pad|>": 151655,
    "<|video_pad|>": 151656,
}


def save_random_base(folder: Path, tokenizer: Path, *, vocabulary: int = 151_936) -> Path:
    """Save a small random model with the vocabulary of Qwen2-VL-2B.

    Args:
        folder: Where it goes.
        tokenizer: Folder of a Qwen2-VL tokenizer; its files are copied beside the weights.
        vocabulary: Rows of the embedding, more than the tokenizer has tokens, as in the published model.

    """
    torch.manual_seed(0)
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": vocabulary,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
            "tie_word_embeddings": True,
        },
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2},
        image_token_id=_ADDED["<|image_pad|>"],
        video_token_id=_ADDED["<|video_pad|>"],
        vision_start_token_id=_ADDED["<|vision_start|>"],
        vision_end_token_id=_ADDED["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config)
    # the published checkpoint brings sampling settings; an evaluation must not pick them up
    model.generation_config.update(repetition_penalty=1.3, temperature=0.01, top_k=1, do_sample=True)
    model.save_pretrained(folder)
    Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 12544}).save_pretrained(folder)
    for file in ("vocab.json", "merges.txt", "tokenizer_config.json", "chat_template.jinja", "chat_template.json"):
        shutil.copyfile(tokenizer / file, folder / file)
    return folder
