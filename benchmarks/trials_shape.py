"""The trials that benchmarks/trials.py runs: bases and images of several sizes, one short plain trial after another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoConfig, Qwen2VLForConditionalGeneration

from spaces import DataConfig, ModelConfig, TrialConfig
from spaces.trial import CacheConfig
from trainable.data.records import Record
from trainable.data.sources.shapes import read_shapes
from trainable.model.tiny import TINY_NAME, tiny_folder

VOCABULARY, WIDTH, LAYERS, INNER = 151_936, 256, 6, 768
PHOTO_PX = 448
GPU_SIZE = "2b"
_TEXT_2B: Mapping[str, int] = {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
}
_VISION_2B: Mapping[str, int] = {"depth": 32, "embed_dim": 1280, "num_heads": 16, "hidden_size": 1536}
"""From ``config.json`` of ``Qwen/Qwen2-VL-2B-Instruct``."""
_SCENES = 200
_SETTINGS = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "preprocessor_config.json")


@dataclass(frozen=True)
class Shape:
    """How long a trial is; it reports once, at its end."""

    steps: int = 60
    batch: int = 4
    eval_rows: int = 24
    eval_batch: int = 8
    max_new_tokens: int = 40


@dataclass(frozen=True)
class Size:
    """A base with its data, and a trial that is long enough to be measured.

    Attributes:
        words: What it is.
        shape: Of its trials.
        tolerance: The largest relative difference of a loss between arms.
        needs_gpu: Whether it takes too long elsewhere.

    """

    words: str
    shape: Shape
    tolerance: float = 1e-5
    needs_gpu: bool = False


SIZES: Mapping[str, Size] = {
    "tiny": Size("the embedded tiny base: 448 tokens, 4 layers of width 128; images of 16 tokens", Shape()),
    "vocabulary": Size(
        "random weights: Qwen2-VL's 151,936 tokens, 6 layers of width 256; images of 16 tokens",
        Shape(steps=30, eval_rows=12, eval_batch=6),
    ),
    "photo": Size(
        f"the same random weights; JPEG files of {PHOTO_PX} x {PHOTO_PX} pixels, 256 tokens each",
        Shape(steps=20, eval_rows=8, eval_batch=4),
    ),
    GPU_SIZE: Size(
        f"random bfloat16 weights of Qwen2-VL-2B's shape, 2.2 billion; JPEG files of {PHOTO_PX} x {PHOTO_PX} pixels",
        Shape(steps=20, eval_rows=8, eval_batch=4),
        tolerance=2e-2,  # bfloat16 has eight bits, and sums are taken in another order
        needs_gpu=True,
    ),
}


@dataclass(frozen=True)
class Made:
    """A base and data that lie on disk."""

    model: ModelConfig
    data: DataConfig


def made(size: str, folder: Path, *, cache: Path | None = None) -> Made:
    """Give the base and the data of a size; what is not embedded is made in a folder, once.

    Args:
        size: One of ``SIZES``.
        folder: Where it is made.
        cache: Where features are kept; by default in the folder as well.

    """
    kept = CacheConfig(folder=str(cache or folder / f"{size}-features"))
    if size == TINY_NAME:
        return Made(ModelConfig(cache=kept), _shapes())
    path = folder / size
    if not path.exists():
        _save_base(size, path)
    data = _shapes() if size == "vocabulary" else _photos(folder / "photos")
    dtype = "bfloat16" if size == GPU_SIZE else "float32"
    return Made(ModelConfig(path=str(path), dtype=dtype, cache=kept), data)


def _shapes() -> DataConfig:
    source = {"source": "shapes", "domain": "shifted", "scenes": _SCENES}
    return DataConfig.model_validate({"sources": [source], "confirm_share": 0, "test_share": 0})


def _photos(folder: Path) -> DataConfig:
    """Draw the same scenes larger, into JPEG files beside a file of conversations."""
    path = folder / "rows.json"
    if not path.exists():
        folder.mkdir(parents=True)
        records = read_shapes(domain="shifted", scenes=_SCENES, seed=0)
        path.write_text(json.dumps([_row(record, folder) for record in records]))
    source = {"source": "rows", "path": str(path), "format": "sharegpt"}
    return DataConfig.model_validate({"sources": [source], "confirm_share": 0, "test_share": 0})


def _row(record: Record, folder: Path) -> dict[str, object]:
    (image,), (turn,) = record.images, record.turns
    file = folder / f"{image.key.replace('/', '-')}.jpg"
    if not file.exists():
        image.load().resize((PHOTO_PX, PHOTO_PX), Image.Resampling.BICUBIC).save(file, quality=90)
    talk = [{"from": "human", "value": turn.question}, {"from": "gpt", "value": turn.answer}]
    return {"id": record.id, "image": file.name, "conversations": talk}


def _save_base(size: str, folder: Path) -> None:
    """Save a random base with the tokenizer of the tiny one; all but ``vocabulary`` take images of ``PHOTO_PX``."""
    state = torch.get_rng_state()
    torch.manual_seed(0)
    dtype = torch.bfloat16 if size == GPU_SIZE else torch.float32
    config = shape_2b() if size == GPU_SIZE else _narrow_shape()
    Qwen2VLForConditionalGeneration(config).to(dtype).save_pretrained(folder)
    torch.set_rng_state(state)
    for file in _SETTINGS:
        shutil.copyfile(tiny_folder() / file, folder / file)
    if size != "vocabulary":
        file = folder / "preprocessor_config.json"
        settings = json.loads(file.read_text())
        settings["size"]["longest_edge"] = PHOTO_PX**2
        file.write_text(json.dumps(settings))


def _narrow_shape() -> Any:
    """Give the tiny base's shape with the rows of the published vocabulary, wider and deeper."""
    config = AutoConfig.from_pretrained(tiny_folder())
    text = config.text_config
    text.vocab_size, text.hidden_size, text.num_hidden_layers = VOCABULARY, WIDTH, LAYERS
    text.intermediate_size, text.layer_types = INNER, text.layer_types[:1] * LAYERS
    text.num_attention_heads, text.num_key_value_heads = WIDTH // 32, WIDTH // 64
    config.vision_config.hidden_size = WIDTH
    return config


def shape_2b() -> Any:
    """Give the shape of Qwen2-VL-2B, with the tiny base's ids of special tokens."""
    config = AutoConfig.from_pretrained(tiny_folder())
    text = config.text_config
    for name, value in _TEXT_2B.items():
        setattr(text, name, value)
    for name, value in _VISION_2B.items():
        setattr(config.vision_config, name, value)
    text.layer_types = text.layer_types[:1] * text.num_hidden_layers
    text.rope_parameters = {**text.rope_parameters, "mrope_section": [16, 24, 24]}
    return config


def trial_config(number: int, made: Made, shape: Shape) -> TrialConfig:
    """Give one trial of plain cross entropy; its learning rate differs from that of the others."""
    return TrialConfig.model_validate(
        {
            "number": number,
            "model": made.model,
            "data": made.data,
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
