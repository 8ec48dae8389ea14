"""Greedy answers in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from trainable.data.collate import Example, collate_prompts
from trainable.model.load import Base


@torch.no_grad()
def generate_answers(
    model: Any, base: Base, examples: Sequence[Example], *, batch: int, max_new_tokens: int
) -> list[str]:
    """Generate the last answer of every example.

    Prompts are padded on the left: with right padding a batch gives other tokens than a single row.

    Args:
        model: The base, with or without an adapter, in evaluation mode.
        base: Its tokenizer and device.
        examples: Batched in this order.
        batch: Rows generated together; the same for all trials, since bf16 results depend on it.
        max_new_tokens: A longer answer is cut.

    Returns:
        One text for each example, native box tokens included, without the closing ``<|im_end|>``.

    """
    answers: list[str] = []
    for start in range(0, len(examples), batch):
        inputs = collate_prompts(examples[start : start + batch], base)
        out = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False, num_beams=1)
        for ids in out[:, inputs["input_ids"].shape[1] :].tolist():
            answers.append(decoded(ids, base))
    return answers


def decoded(ids: list[int], base: Base) -> str:
    """Give the text of an answer's tokens up to its end."""
    end = ids.index(base.ids.im_end) if base.ids.im_end in ids else len(ids)
    return base.tokenizer.decode(ids[:end], skip_special_tokens=False)
