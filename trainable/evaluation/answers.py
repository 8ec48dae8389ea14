"""True answers and generated ones, from one pass over the prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from trainable.data.collate import Batch, Example, collate
from trainable.data.render import Row
from trainable.evaluation.generate import decoded
from trainable.losses import TokenView
from trainable.model.load import Base
from trainable.model.prefix_cache import bare_model
from trainable.model.supervised import supervised_states


@torch.no_grad()
def forced_and_generated(
    model: Any, base: Base, examples: Sequence[Example], *, max_new_tokens: int
) -> tuple[TokenView, list[str]]:
    """Tell what a model makes of the true answers of a batch, and what it would say itself.

    Greedy answers are the true ones as far as every true token has the largest logit. So the pass over the true answers
    gives them as well, up to the first token that is not the model's own choice, and the keys and values of all before
    it: generation goes on from there. This is one step of speculative decoding (Leviathan et al., ICML 2023, arXiv
    2211.17192) whose draft is the truth; answers are those of ``generate_answers``, to rounding.

    Args:
        model: The base, with or without an adapter, in evaluation mode.
        base: Its tokenizer and device.
        examples: At least one.
        max_new_tokens: A longer answer is cut.

    Returns:
        The supervised positions, and the texts as ``generate_answers`` gives them.

    """
    batch = collate(examples, base)
    answers = [_answer(example.row, base) for example in examples]
    cache = DynamicCache(config=base.model.config.get_text_config())
    view = TokenView(supervised_states(model, batch, cache=cache), base.head, batch.targets)
    begun = _begun(view, batch, [example.row for example in examples], answers, longest=max_new_tokens)
    tokens = [list(answer[:right]) for answer, right in zip(answers, begun.right, strict=True)]
    is_open = [right < min(len(answer), max_new_tokens) for answer, right in zip(answers, begun.right, strict=True)]
    _go_on(bare_model(model), base, batch, begun, tokens, is_open, cache=cache, longest=max_new_tokens)
    return view, [decoded(ids, base) for ids in tokens]


@dataclass(frozen=True)
class _Begun:
    """How far the true answers are the model's own.

    Attributes:
        right: Number of true tokens at the start of each answer that are.
        ends: Index in its row of the token after these, int64, of shape ``[b]``.
        states: What enters the head before that token, of shape ``[b, width]``.

    """

    right: list[int]
    ends: Tensor
    states: Tensor


def _answer(row: Row, base: Base) -> tuple[int, ...]:
    """Give the tokens of the last answer with its end, which are all supervised."""
    return row.ids[row.prompt_length : row.ids.index(base.ids.im_end, row.prompt_length) + 1]


def _begun(
    view: TokenView, batch: Batch, rows: Sequence[Row], answers: Sequence[tuple[int, ...]], *, longest: int
) -> _Begun:
    is_right = view.is_right.tolist()
    right: list[int] = []
    places: list[int] = []
    start = 0
    for row, answer, count in zip(rows, answers, batch.keep.sum(dim=1).tolist(), strict=True):
        first = start + sum(role > 0 for role in row.roles[: row.prompt_length])
        most = min(len(answer), longest)
        own = next((place for place in range(most) if not is_right[first + place]), most)
        right.append(own)
        places.append(first + min(own, len(answer) - 1))
        start += count
    ends = torch.tensor([row.prompt_length + own for row, own in zip(rows, right, strict=True)])
    return _Begun(right, ends.to(view.device), view.states[places])


def _go_on(
    model: Any,
    base: Base,
    batch: Batch,
    begun: _Begun,
    tokens: list[list[int]],
    is_open: list[bool],
    *,
    cache: DynamicCache,
    longest: int,
) -> None:
    """Add the model's own tokens to answers until each ends or is as long as it may be."""
    columns = torch.arange(batch.keep.shape[1], device=base.device)
    mask = (columns < begun.ends[:, None]).long()  # what follows in the true answer is there, and not looked at
    rows = torch.arange(len(tokens), device=base.device)
    positions = _positions(model, batch)[:, rows, begun.ends.clamp(max=len(columns) - 1)][:, :, None]
    states = begun.states
    while any(is_open):
        going = [row for row, is_going in enumerate(is_open) if is_going]
        for row, token in zip(going, base.head.best(states[going]).tolist(), strict=True):
            tokens[row].append(token)
            is_open[row] = token != base.ids.im_end and len(tokens[row]) < longest
        if any(is_open):
            last = torch.tensor([[ids[-1] if ids else base.ids.pad] for ids in tokens], device=base.device)
            mask = torch.cat([mask, mask.new_ones((len(tokens), 1))], dim=1)
            out = model.model(input_ids=last, attention_mask=mask, position_ids=positions, cache=cache, use_cache=True)
            states, positions = out.last_hidden_state[:, -1], positions + 1


def _positions(model: Any, batch: Batch) -> Tensor:
    """Give the rotary positions of a batch, of shape ``[3, b, n]``."""
    known = batch.inputs.get("position_ids")
    if known is not None:
        return known
    names = ("input_ids", "mm_token_type_ids", "image_grid_thw", "attention_mask")
    return model.model.get_rope_index(**{name: batch.inputs.get(name) for name in names})[0]
