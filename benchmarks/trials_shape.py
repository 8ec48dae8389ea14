"""The trials that benchmarks/trials.py runs: bases of two sizes, and one short plain trial after another."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, Qwen2VLForConditionalGeneration

from spaces import ModelConfig, TrialConfig
from trainable.model.tiny import TINY_NAME, tiny_folder

SIZES: Mapping[str, str] = {
    "tiny": "the embedded tiny base: 448 tokens, 4 layers of width 128",
    "vocabulary": "random weights: Qwen2-VL's 151,936 tokens, 6 layers of width 256",
}
VOCABULARY, WIDTH, LAYERS, INNER = 151_936, 256, 6, 768
_SCENES = 200


@dataclass(frozen=True)
class Shape:
    """How long a trial is; it reports once, at its end."""

    steps: int = 60
    batch: int = 4
    eval_rows: int = 24
    eval_batch: int = 8
    max_new_tokens: int = 40


def base_of(size: str, folder: Path) -> str:
    """Give the path of a base for ``ModelConfig``; one that is not embedded is made in a folder."""
    if size == TINY_NAME:
        return TINY_NAME
    path = folder / size
    if not path.exists():
        save_vocabulary_base(path)
    return str(path)


def save_vocabulary_base(folder: Path) -> None:
    """Save a random base with the rows of the published vocabulary and the tokenizer of the tiny one."""
    config = AutoConfig.from_pretrained(tiny_folder())
    text = config.text_config
    text.vocab_size, text.hidden_size, text.num_hidden_layers = VOCABULARY, WIDTH, LAYERS
    text.intermediate_size, text.layer_types = INNER, text.layer_types[:1] * LAYERS
    text.num_attention_heads, text.num_key_value_heads = WIDTH // 32, WIDTH // 64
    config.vision_config.hidden_size = WIDTH
    generator_state = torch.get_rng_state()
    torch.manual_seed(0)
    Qwen2VLForConditionalGeneration(config).to(torch.float32).save_pretrained(folder)
    torch.set_rng_state(generator_state)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "preprocessor_config.json"):
        shutil.copyfile(tiny_folder() / file, folder / file)


def trial_config(number: int, path: str, shape: Shape) -> TrialConfig:
    """Give one trial of plain cross entropy; its learning rate differs from that of the others."""
    return TrialConfig.model_validate(
        {
            "number": number,
            "model": ModelConfig(path=path),
            "data": {
                "sources": [{"source": "shapes", "domain": "shifted", "scenes": _SCENES}],
                "confirm_share": 0,
                "test_share": 0,
            },
            "training": {
                "steps": shape.steps,
                "batch": shape.batch,
                "rung_rows": shape.eval_rows,
                "final_rows": shape.eval_rows,
                "eval_batch": shape.eval_batch,
                "max_new_tokens": shape.max_new_tokens,
            },
            "optimizer": {"learning_rate": 1e-3 * 0.8**number},
        }
    )
