"""The frozen base model with its tokenizer and image processor; and these two without the model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor
from transformers import AutoConfig, AutoModelForImageTextToText, AutoTokenizer, GenerationConfig
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil, smart_resize

from spaces.trial import ModelConfig
from trainable.boxes import Size
from trainable.errors import DataError, ModelError
from trainable.markup import BOX_END, BOX_START, REF_END, REF_START
from trainable.model.family import Family, family_of
from trainable.model.head import Head
from trainable.model.tiny import TINY_NAME, tiny_folder

_log = logging.getLogger(__name__)

_SYSTEM_START, _TURN_END = "<|im_start|>system\n", "<|im_end|>"


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
class ModelShape:
    """What of a model's size is known without its weights.

    Attributes:
        layers: Of the language model.
        hidden: Width of the language model, and of the vision tower's output.
        deepstack: Layers of the language model that get features of images of their own (Qwen3-VL).

    """

    layers: int
    hidden: int
    deepstack: int

    def state_bytes(self, dtype: str) -> int:
        """Give the bytes of one token between two layers of the language model."""
        return self.hidden * getattr(torch, dtype).itemsize

    def feature_bytes(self, dtype: str) -> int:
        """Give the bytes of the vision tower's output for one image token."""
        return self.state_bytes(dtype) * (1 + self.deepstack)


@dataclass(frozen=True)
class Processor:
    """What turns rows into tokens and pixels; it needs no weights.

    The one pixel budget of a sweep lies in ``image_processor.size``: training, evaluation and the check share it.

    Attributes:
        family: How the model writes boxes.
        tokenizer: The checkpoint's.
        image_processor: The checkpoint's, with the sweep's pixel budget.
        ids: Special tokens.
        default_system: The system turn that the checkpoint's chat template puts before a conversation without one.
        shape: Of the model.

    """

    family: Family
    tokenizer: Any
    image_processor: Any
    ids: TokenIds
    default_system: str | None
    shape: ModelShape

    def resized(self, size: Size) -> Size:
        """Give width and height that an image is resized to.

        Args:
            size: Its width and height in pixels, upright.

        Raises:
            DataError: If one side is more than 200 times the other.

        """
        width, height = size
        budget = self.image_processor.size
        factor = self.image_processor.patch_size * self.image_processor.merge_size
        try:
            high, wide = smart_resize(height, width, factor, budget["shortest_edge"], budget["longest_edge"])
        except (ValueError, ZeroDivisionError) as error:
            raise DataError(f"the image processor refuses an image of {width}x{height}: {error}") from error
        return wide, high

    def tokens(self, size: Size) -> int:
        """Give the number of tokens that stand for an image of a size."""
        wide, high = self.resized(size)
        return wide * high // (self.image_processor.patch_size * self.image_processor.merge_size) ** 2

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


@dataclass(frozen=True)
class Base:
    """What a worker loads once: nothing of it is ever trained."""

    model: Any
    processor: Processor
    device: torch.device

    @property
    def tokenizer(self) -> Any:
        """The checkpoint's tokenizer."""
        return self.processor.tokenizer

    @property
    def ids(self) -> TokenIds:
        """Its special tokens."""
        return self.processor.ids

    @cached_property
    def head(self) -> Head:
        """Its output layer."""
        return Head(self.model.lm_head.weight)

    def pixels(self, image: Image) -> Pixels:
        """Prepare one RGB image; see ``Processor.pixels``."""
        return self.processor.pixels(image)


def load_processor(config: ModelConfig, *, only_local: bool = False) -> Processor:
    """Load what turns rows into tokens and pixels.

    Args:
        config: ``path`` is ``tiny``, a folder, or a name on the hub.
        only_local: Whether to leave the hub alone: what this machine does not hold is an error.

    Raises:
        ModelError: If it can't be loaded or is of no known family.

    """
    folder = base_folder(config)
    try:
        settings = AutoConfig.from_pretrained(folder, local_files_only=only_local)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=only_local)
        image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=only_local)
    except (OSError, ValueError) as error:
        raise _unloadable(config, error) from error
    family = family_of(settings.model_type, path=config.path)
    if config.max_pixels is not None:
        smallest = min(image_processor.size["shortest_edge"], config.max_pixels)
        image_processor.size = {"shortest_edge": smallest, "longest_edge": config.max_pixels}
    text = settings.get_text_config()
    deepstack = len(getattr(settings.vision_config, "deepstack_visual_indexes", None) or ())
    return Processor(
        family,
        tokenizer,
        image_processor,
        TokenIds.of(tokenizer),
        _default_system(tokenizer),
        ModelShape(text.num_hidden_layers, text.hidden_size, deepstack),
    )


def load_base(config: ModelConfig) -> Base:
    """Load the base, frozen and in evaluation mode, on the GPU if there is one.

    Args:
        config: ``path`` is ``tiny``, a folder, or a name on the hub.

    Raises:
        ModelError: If it can't be loaded or is of no known family.

    """
    processor = load_processor(config)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        model: Any = AutoModelForImageTextToText.from_pretrained(
            base_folder(config), dtype=getattr(torch, config.dtype)
        )
    except (OSError, ValueError) as error:
        raise _unloadable(config, error) from error
    # generate() fills gaps of its settings from the checkpoint (Qwen2-VL ships a repetition penalty): leave none.
    model.generation_config = GenerationConfig(eos_token_id=processor.ids.im_end, pad_token_id=processor.ids.pad)
    model.requires_grad_(False)
    _log.info("loaded %s: %d parameters on %s", config.path, sum(p.numel() for p in model.parameters()), device)
    return Base(model.to(device).eval(), processor, device)


def base_folder(config: ModelConfig) -> str:
    """Give what every ``from_pretrained`` takes: the base's folder, or its name on the hub."""
    return str(tiny_folder()) if config.path == TINY_NAME else config.path


def _default_system(tokenizer: Any) -> str | None:
    """Ask the chat template which system turn it puts before a conversation that has none."""
    if not tokenizer.chat_template:
        raise ModelError("the tokenizer has no chat template; an instruction-tuned checkpoint brings one")
    text = tokenizer.apply_chat_template([{"role": "user", "content": "?"}], tokenize=False)
    return text[len(_SYSTEM_START) : text.index(_TURN_END)] if text.startswith(_SYSTEM_START) else None


def _unloadable(config: ModelConfig, error: Exception) -> ModelError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    hint = "" if Path(base_folder(config)).exists() else "; it is no folder here and the hub gave nothing"
    return ModelError(f"can't load the model {config.path!r}: {first}{hint}")
