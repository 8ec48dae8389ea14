"""Every score of a model on a fixed list of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from spaces.mixture import MixtureConfig
from trainable.boxes import Box
from trainable.data.collate import Example, collate
from trainable.data.records import Record
from trainable.evaluation.generate import generate_answers
from trainable.evaluation.grounding import GroundedAnswer, score_grounding
from trainable.evaluation.slices import slice_scores
from trainable.evaluation.text import TextAnswer, score_text
from trainable.losses import TokenView, make_terms
from trainable.model.adapter import merged
from trainable.model.load import Base
from trainable.model.supervised import supervised_states

_LARGEST_EXPONENT = 700.0
"""The exponential of more than 709 is larger than any double."""


@dataclass(frozen=True)
class ScoredRow:
    """A record with its tensors."""

    record: Record
    example: Example


@dataclass(frozen=True)
class _TextTokens:
    """What a model makes of the supervised tokens of text rows.

    Attributes:
        count: Number of them.
        right: Number of those that have the largest logit.
        nats: Sum of their cross entropies.

    """

    count: int = 0
    right: int = 0
    nats: float = 0.0

    def __add__(self, other: _TextTokens) -> _TextTokens:
        return _TextTokens(self.count + other.count, self.right + other.right, self.nats + other.nats)


def evaluate(
    model: Any,
    base: Base,
    rows: Sequence[ScoredRow],
    *,
    constant_box_1000: Box | None,
    batch: int,
    max_new_tokens: int,
    with_slices: bool,
) -> dict[str, float]:
    """Score a model; the rows decide, never the curriculum.

    Args:
        model: In evaluation mode on return as well.
        base: Its tokenizer and device.
        rows: Of the search split; they are batched by length, whatever their order.
        constant_box_1000: The mean training box, scored on the same rows as a control.
        batch: Rows of one forward pass.
        max_new_tokens: A longer answer is cut.
        with_slices: Whether to score parts of the rows alone as well.

    Returns:
        Names of ``spaces.metrics``, ``teacher_forced.<term>`` and ``slice.<slice>.<score>``; what the rows cannot
        support is absent.

    """
    model.eval()
    rows = sorted(rows, key=_length)  # rows of like lengths share a batch: less padding, fewer steps of generation
    with merged(model):
        examples = [row.example for row in rows]
        answers = generate_answers(model, base, examples, batch=batch, max_new_tokens=max_new_tokens)
        forced = teacher_forced(model, base, rows, batch=batch)
    pairs = [(row.record, answer) for row, answer in zip(rows, answers, strict=True)]
    grounded = [(record, _grounded(record, answer, base)) for record, answer in pairs if record.task == "grounding"]
    text = [(record, _text(record, answer)) for record, answer in pairs if record.task == "text"]
    return {
        **score_grounding([answer for _, answer in grounded], constant_box_1000=constant_box_1000),
        **score_text([answer for _, answer in text]),
        **forced,
        **(slice_scores(grounded, text) if with_slices else {}),
    }


def _length(row: ScoredRow) -> tuple[int, int, str]:
    """Sort by the true answer's length, then the prompt's; the order is the same in every trial."""
    tokens = row.example.row
    return len(tokens.ids) - tokens.prompt_length, tokens.prompt_length, row.record.id


@torch.no_grad()
def teacher_forced(model: Any, base: Base, rows: Sequence[ScoredRow], *, batch: int) -> dict[str, float]:
    """Give what the model makes of the true answers.

    Terms have their default settings, so that trials can be compared; a term that needs the base's logits is left out,
    since it would cost a second pass.

    Returns:
        ``teacher_forced.<term>``, the mean of every loss term over its own positions, and perplexity and token accuracy
        over all supervised tokens of text rows.

    """
    terms = {name: term for name, term in make_terms(MixtureConfig()).items() if not term.needs_base}
    totals = dict.fromkeys(terms, 0.0)
    counts = dict.fromkeys(terms, 0)
    tokens = _TextTokens()
    for start in range(0, len(rows), batch):
        drawn = rows[start : start + batch]
        part = collate([row.example for row in drawn], base)
        view = TokenView(supervised_states(model, part), base.head, part.targets)
        for name, term in terms.items():
            totals[name] += term.total(view).item()
            counts[name] += term.count(part.targets)
        tokens += _text_tokens(view, [row.record.task == "text" for row in drawn])
    means = {f"teacher_forced.{name}": totals[name] / count for name, count in counts.items() if count}
    return means | _token_scores(tokens)


def perplexity(nats: float) -> float:
    """Turn a mean cross entropy into a perplexity.

    From 700 nats on it stays at 1e304, which is finite and worse than any other; what is not finite stays so.
    """
    return math.exp(min(nats, _LARGEST_EXPONENT)) if math.isfinite(nats) else nats


def _grounded(record: Record, answer: str, base: Base) -> GroundedAnswer:
    """Compare with the true boxes; of a row with several images, in the image of the first of them."""
    family, turn = base.processor.family, record.turns[-1]
    resized = [base.processor.resized(image.size) for image in record.images]
    own = resized[turn.boxes[0].image if turn.boxes else 0]
    return GroundedAnswer(family.boxes_in(family.answer(turn, resized), own), family.boxes_in(answer, own))


def _text(record: Record, answer: str) -> TextAnswer:
    return TextAnswer(record.references or (record.turns[-1].answer,), answer)


def _text_tokens(view: TokenView, is_text: Sequence[bool]) -> _TextTokens:
    mask = torch.tensor(is_text, device=view.device)[view.targets.rows]
    return _TextTokens(int(mask.sum()), int(view.is_right[mask].sum()), view.cross_entropies[mask].sum().item())


def _token_scores(tokens: _TextTokens) -> dict[str, float]:
    if not tokens.count:
        return {}
    return {
        "text.perplexity": perplexity(tokens.nats / tokens.count),
        "text.token_accuracy": tokens.right / tokens.count,
    }
