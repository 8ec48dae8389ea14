"""Every score of a model on a fixed list of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from spaces.mixture import MixtureConfig
from trainable.boxes import Box
from trainable.data.collate import Example, collate
from trainable.data.records import Record
from trainable.evaluation.generate import generate_answers
from trainable.evaluation.grounding import score_grounding
from trainable.evaluation.text import score_text
from trainable.losses import TokenView, make_terms
from trainable.model.load import Base


@dataclass(frozen=True)
class ScoredRow:
    """A record with its tensors."""

    record: Record
    example: Example


def evaluate(
    model: Any,
    base: Base,
    rows: Sequence[ScoredRow],
    *,
    constant_box_1000: Box | None,
    batch: int,
    max_new_tokens: int,
) -> dict[str, float]:
    """Score a model; the rows decide, never the curriculum.

    Args:
        model: In evaluation mode on return as well.
        base: Its tokenizer and device.
        rows: Of the search split, in a fixed order.
        constant_box_1000: The mean training box, scored on the same rows as a control.
        batch: Rows of one forward pass.
        max_new_tokens: A longer answer is cut.

    Returns:
        Names of ``spaces.metrics`` and ``teacher_forced.<term>``; what the rows cannot support is absent.

    """
    model.eval()
    examples = [row.example for row in rows]
    answers = generate_answers(model, base, examples, batch=batch, max_new_tokens=max_new_tokens)
    pairs = list(zip(rows, answers, strict=True))
    grounding = [(row.record.boxes_1000, answer) for row, answer in pairs if row.record.task == "grounding"]
    text = [(row.record.turns[-1].answer, answer) for row, answer in pairs if row.record.task == "text"]
    return {
        **score_grounding(grounding, constant_box_1000=constant_box_1000),
        **score_text(text),
        **teacher_forced(model, base, examples, batch=batch),
    }


@torch.no_grad()
def teacher_forced(model: Any, base: Base, examples: Sequence[Example], *, batch: int) -> dict[str, float]:
    """Give the mean of every loss term over its own positions, under the true answers.

    Terms have their default settings, so that trials can be compared; a term that needs the base's logits is left out,
    since it would cost a second pass.
    """
    terms = {name: term for name, term in make_terms(MixtureConfig()).items() if not term.needs_base}
    totals = dict.fromkeys(terms, 0.0)
    counts = dict.fromkeys(terms, 0)
    for start in range(0, len(examples), batch):
        part = collate(examples[start : start + batch], base)
        view = TokenView(model(**part.inputs, logits_to_keep=part.keep).logits, part.targets)
        for name, term in terms.items():
            totals[name] += term.total(view).item()
            counts[name] += term.count(part.targets)
    return {f"teacher_forced.{name}": totals[name] / count for name, count in counts.items() if count}
