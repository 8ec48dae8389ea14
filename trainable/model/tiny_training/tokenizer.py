"""The tiny base's tokenizer: byte-level BPE, split as Qwen2 splits, trained on what is said about scenes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import AddedToken, Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from trainable.data.scene_questions import echo_question, echo_text
from trainable.data.scenes import DOMAINS
from trainable.data.sources.shapes import read_shapes
from trainable.markup import markup_pieces
from trainable.seeding import child_seed

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""Qwen2-VL's, in its order."""

MERGED_LIMIT = 640
"""Largest number of tokens before the special ones."""

CHAT_TEMPLATE = """\
{%- set seen = namespace(images=0, videos=0) -%}
{%- if messages and messages[0]['role'] != 'system' -%}
{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' -}}
{%- if message['content'] is string -%}
{{- message['content'] -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' or 'image' in part or 'image_url' in part -%}
{%- set seen.images = seen.images + 1 -%}
{%- if add_vision_id -%}{{- 'Picture ' ~ seen.images ~ ': ' -}}{%- endif -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
{%- elif part['type'] == 'video' or 'video' in part -%}
{%- set seen.videos = seen.videos + 1 -%}
{%- if add_vision_id -%}{{- 'Video ' ~ seen.videos ~ ': ' -}}{%- endif -%}
{{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
{%- elif 'text' in part -%}
{{- part['text'] -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""
"""Renders as Qwen2-VL's published template does."""


def corpus(*, seed: int, scenes: int) -> Iterator[str]:
    """Give every piece of text between special tokens, of both domains."""
    yield from ("system\nYou are a helpful assistant.", "user\n", "assistant\n", "\n") * scenes
    said = [record for domain in DOMAINS for record in read_shapes(domain=domain, scenes=scenes, seed=seed)]
    for record in said:
        for turn in record.turns:
            yield turn.question.removeprefix("<image>")
            yield from (piece for _, piece, is_token in markup_pieces(turn.answer) if not is_token)
    rng = random.Random(child_seed(seed, "echo corpus"))
    for _ in range(scenes):
        text = echo_text(rng)
        yield from (text, echo_question(text))


def train_tokenizer(*, seed: int, scenes: int) -> Qwen2Tokenizer:
    """Train the tokenizer.

    Args:
        seed: Of the scenes that the corpus talks about.
        scenes: Number of scenes of each domain.

    Returns:
        A tokenizer that knows every byte, keeps digits apart and ends turns with ``<|im_end|>``.

    """
    bare = Tokenizer(BPE())
    bare.normalizer = normalizers.NFC()
    bare.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bare.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=MERGED_LIMIT,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    bare.train_from_iterator(corpus(seed=seed, scenes=scenes), trainer)
    return _dressed(bare)


def _dressed(bare: Tokenizer) -> Qwen2Tokenizer:
    """Add the special tokens after the vocabulary, in Qwen's order, and the chat template."""
    model = json.loads(bare.to_str())["model"]
    settings: dict[str, Any] = {
        "vocab": model["vocab"],
        "merges": [tuple(pair) for pair in model["merges"]],
        "unk_token": None,  # every byte is known
    }
    tokenizer = Qwen2Tokenizer(**settings)
    added: list[str | AddedToken] = [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS]
    tokenizer.add_tokens(added)
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.model_max_length = 4096
    return tokenizer
