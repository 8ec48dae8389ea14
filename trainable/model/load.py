"""The frozen base model with its tokenizer and image processor."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoTokenizer, GenerationConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from spaces.trial import ModelConfig
from trainable.errors import DataError, ModelError
from trainable.markup import BOX_END, BOX_START, REF_END, REF_START
from trainable.model.tiny import TINY_NAME, tiny_folder

_log = logging.getLogger(__name__)

SUPPORTED_TYPE = "qwen2_vl"


@dataclass(frozen=True)
class TokenIds:
    """Ids of the tokens that rendering and losses need, looked up by name: they differ between checkpoints."""

    im_start: int
    im_end: int
    vision_start: int
    vision_end: int
    image_pad: int
    pad: int
    markup: dict[str, int]
    digits: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any) -> TokenIds:
        """Look the ids up.

        Raises:
            ModelError: If the tokenizer lacks a token or splits numbers otherwise than digit by digit.

        """
        digits = [tokenizer(digit, add_special_tokens=False)["input_ids"] for digit in "0123456789"]
        if any(len(ids) != 1 for ids in digits) or len(tokenizer("190", add_special_tokens=False)["input_ids"]) != 3:
            raise ModelError("the tokenizer does not give every digit its own token; a Qwen2-VL tokenizer does")
        return cls(
            im_start=_id_of(tokenizer, "<|im_start|>"),
            im_end=_id_of(tokenizer, "<|im_end|>"),
            vision_start=_id_of(tokenizer, "<|vision_start|>"),
            vision_end=_id_of(tokenizer, "<|vision_end|>"),
            image_pad=_id_of(tokenizer, "<|image_pad|>"),
            pad=_id_of(tokenizer, "<|endoftext|>"),
            markup={name: _id_of(tokenizer, name) for name in (REF_START, REF_END, BOX_START, BOX_END)},
            digits=tuple(ids[0] for ids in digits),
        )


def _id_of(tokenizer: Any, token: str) -> int:
    found = tokenizer.convert_tokens_to_ids(token)
    if found is None or found == tokenizer.unk_token_id:
        raise ModelError(f"the tokenizer has no token {token}; paretune needs a Qwen2-VL tokenizer")
    return found


@dataclass(frozen=True)
class Pixels:
    """One image as the vision tower takes it.

    Attributes:
        values: Flattened patches, float32, of shape ``[patches, channels * temporal * patch * patch]``.
        grid: Patches in time, height and width.
        tokens: Tokens that the language model sees in their place.

    """

    values: Tensor
    grid: tuple[int, int, int]
    tokens: int


@dataclass(frozen=True)
class Base:
    """What a worker loads once: nothing of it is ever trained."""

    model: Any
    tokenizer: Any
    image_processor: Any
    ids: TokenIds
    device: torch.device

    def pixels(self, image: Image) -> Pixels:
        """Prepare one RGB image.

        Raises:
            DataError: If the processor refuses the image, e.g. for sides of a ratio above 200.

        """
        try:
            out = self.image_processor(images=[image], return_tensors="pt")
        except ValueError as error:
            raise DataError(f"the image processor refuses an image of {image.width}x{image.height}: {error}") from error
        grid = tuple(int(size) for size in out["image_grid_thw"][0])
        merge = self.image_processor.merge_size
        return Pixels(out["pixel_values"], (grid[0], grid[1], grid[2]), grid[0] * grid[1] * grid[2] // merge**2)


def load_base(config: ModelConfig) -> Base:
    """Load the base, frozen and in evaluation mode, on the GPU if there is one.

    Args:
        config: ``path`` is ``tiny``, a folder, or a name on the hub.

    Raises:
        ModelError: If it can't be loaded or is no Qwen2-VL.

    """
    folder = str(tiny_folder()) if config.path == TINY_NAME else config.path
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=getattr(torch, config.dtype))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    except (OSError, ValueError) as error:
        hint = "" if Path(folder).exists() else "; it is no folder here and the hub gave nothing"
        raise ModelError(f"can't load the model {config.path!r}: {_first_line(error)}{hint}") from error
    if model.config.model_type != SUPPORTED_TYPE:
        raise ModelError(f"{config.path!r} is a {model.config.model_type}; paretune trains {SUPPORTED_TYPE} models")
    if config.max_pixels is not None:
        smallest = min(processor.size["shortest_edge"], config.max_pixels)
        processor.size = {"shortest_edge": smallest, "longest_edge": config.max_pixels}
    ids = TokenIds.of(tokenizer)
    # generate() fills gaps of its settings from the checkpoint (Qwen2-VL ships a repetition penalty): leave none.
    model.generation_config = GenerationConfig(eos_token_id=ids.im_end, pad_token_id=ids.pad)
    model.requires_grad_(False)
    _log.info("loaded %s: %d parameters on %s", config.path, sum(p.numel() for p in model.parameters()), device)
    return Base(model.to(device).eval(), tokenizer, processor, ids, device)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
