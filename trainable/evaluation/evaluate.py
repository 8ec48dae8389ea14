"""Every score of a model on a fixed list of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from spaces.mixture import MixtureConfig
from trainable.boxes import Box
from trainable.data.collate import Example, collate
from trainable.data.records import Record
from trainable.evaluation.answers import forced_and_generated
from trainable.evaluation.grounding import GroundedAnswer, grounding_parts
from trainable.evaluation.parts import PERPLEXITY, Part, combined
from trainable.evaluation.prediction import Prediction
from trainable.evaluation.slices import slice_scores
from trainable.evaluation.text import TextAnswer, corpus_scores, sentence_parts, text_parts
from trainable.losses import TokenView, make_terms
from trainable.model.adapter import merged
from trainable.model.load import Base
from trainable.model.supervised import supervised_states


@dataclass(frozen=True)
class ScoredRow:
    """A record with its tensors."""

    record: Record
    example: Example


@dataclass(frozen=True)
class Evaluation:
    """What a model got.

    Attributes:
        scores: Names of ``spaces.metrics``, ``teacher_forced.<term>`` and, in detail, ``slice.<slice>.<score>``; what
            the rows cannot support is absent.
        predictions: In detail, of every row.

    """

    scores: Mapping[str, float]
    predictions: tuple[Prediction, ...] = ()


@dataclass(frozen=True)
class _Forced:
    """What a model makes of the true answers.

    Attributes:
        means: ``teacher_forced.<term>``.
        parts: Of each row, in order; empty for a row that is no text.

    """

    means: Mapping[str, float]
    parts: Sequence[Mapping[str, Part]]


@dataclass(frozen=True)
class _Answered:
    """A row with what was generated, with what that is compared with, and with what it adds to the scores."""

    record: Record
    answer: str
    compared: GroundedAnswer | TextAnswer
    parts: Mapping[str, Part]


def evaluate(
    model: Any,
    base: Base,
    rows: Sequence[ScoredRow],
    *,
    constant_box_1000: Box | None,
    batch: int,
    max_new_tokens: int,
    in_detail: bool,
) -> Evaluation:
    """Score a model; the rows decide, never the curriculum.

    Args:
        model: In evaluation mode on return as well.
        base: Its tokenizer and device.
        rows: Of one split that is not trained on; they are batched by length, whatever their order.
        constant_box_1000: The mean training box, scored on the same rows as a control.
        batch: Rows of one forward pass.
        max_new_tokens: A longer answer is cut.
        in_detail: Whether to score parts of the rows alone as well, and to give the answer to every row.

    """
    model.eval()
    rows = sorted(rows, key=_length)  # rows of like lengths share a batch: less padding, fewer steps of generation
    with merged(model):
        views: list[TokenView] = []
        answers: list[str] = []
        for drawn in _batches(rows, batch):
            view, texts = forced_and_generated(
                model, base, [row.example for row in drawn], max_new_tokens=max_new_tokens
            )
            views.append(view)
            answers += texts
    forced = _forced(views, rows)
    answered = [
        _answered(row.record, answer, tokens, base=base, constant_box_1000=constant_box_1000)
        for row, answer, tokens in zip(rows, answers, forced.parts, strict=True)
    ]
    text = [(one.record, one.compared) for one in answered if isinstance(one.compared, TextAnswer)]
    corpus = corpus_scores([answer for _, answer in text])
    scores = {**combined(one.parts for one in answered), **corpus, **forced.means}
    if not in_detail:
        return Evaluation(scores)
    grounded = [(one.record, one.compared) for one in answered if isinstance(one.compared, GroundedAnswer)]
    return Evaluation(scores | slice_scores(grounded, text), tuple(map(_prediction, answered)))


def _answered(
    record: Record, answer: str, tokens: Mapping[str, Part], *, base: Base, constant_box_1000: Box | None
) -> _Answered:
    if record.task == "text":
        text = _text(record, answer)
        return _Answered(record, answer, text, {**text_parts(text), **tokens})
    grounded = _grounded(record, answer, base)
    parts = grounding_parts(grounded, constant_box_1000=constant_box_1000)
    return _Answered(record, answer, grounded, {**parts, **tokens})


def _prediction(answered: _Answered) -> Prediction:
    record, compared, parts = answered.record, answered.compared, answered.parts
    if isinstance(compared, TextAnswer):
        return Prediction.of(record.id, answered.answer, boxes_1000=(), parts={**parts, **sentence_parts(compared)})
    return Prediction.of(record.id, answered.answer, boxes_1000=compared.predicted, parts=parts)


def _length(row: ScoredRow) -> tuple[int, int, str]:
    """Sort by the true answer's length, then the prompt's; the order is the same in every trial."""
    tokens = row.example.row
    return len(tokens.ids) - tokens.prompt_length, tokens.prompt_length, row.record.id


def teacher_forced(model: Any, base: Base, rows: Sequence[ScoredRow], *, batch: int) -> dict[str, float]:
    """Give what the model makes of the true answers.

    Terms have their default settings, so that trials can be compared; a term that needs the base's logits is left out,
    since it would cost a second pass.

    Returns:
        ``teacher_forced.<term>``, the mean of every loss term over its own positions, and perplexity and token accuracy
        over all supervised tokens of text rows.

    """
    views: list[TokenView] = []
    for drawn in _batches(rows, batch):
        part = collate([row.example for row in drawn], base)
        views.append(TokenView(supervised_states(model, part), base.head, part.targets))
    forced = _forced(views, rows)
    return {**forced.means, **combined(forced.parts)}


def _batches(rows: Sequence[ScoredRow], size: int) -> Iterator[Sequence[ScoredRow]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


@torch.no_grad()
def _forced(views: Sequence[TokenView], rows: Sequence[ScoredRow]) -> _Forced:
    """Sum up the views of all batches.

    Args:
        views: Of the rows, in order.
        rows: Of all batches.

    """
    terms = {name: term for name, term in make_terms(MixtureConfig()).items() if not term.needs_base}
    totals = dict.fromkeys(terms, 0.0)
    counts = dict.fromkeys(terms, 0)
    parts: list[dict[str, Part]] = []
    for view in views:
        for name, term in terms.items():
            totals[name] += term.total(view).item()
            counts[name] += term.count(view.targets)
        parts += _token_parts(view)
    means = {f"teacher_forced.{name}": totals[name] / count for name, count in counts.items() if count}
    return _Forced(means, [found if row.record.task == "text" else {} for row, found in zip(rows, parts, strict=True)])


def _grounded(record: Record, answer: str, base: Base) -> GroundedAnswer:
    """Compare with the true boxes; of a row with several images, in the image of the first of them."""
    family, turn = base.processor.family, record.turns[-1]
    resized = [base.processor.resized(image.size) for image in record.images]
    own = resized[turn.boxes[0].image if turn.boxes else 0]
    return GroundedAnswer(family.boxes_in(family.answer(turn, resized), own), family.boxes_in(answer, own))


def _text(record: Record, answer: str) -> TextAnswer:
    return TextAnswer(record.references or (record.turns[-1].answer,), answer)


def _token_parts(view: TokenView) -> list[dict[str, Part]]:
    """Give what the supervised tokens of each row of a batch add to the scores of tokens; every row has some.

    They are added up on the processor, in order and in double precision, so that a sum is the same every time.
    """
    place = view.targets.rows.cpu()
    rows = int(place.max()) + 1

    def sums(values: torch.Tensor) -> list[float]:
        return torch.zeros(rows, dtype=torch.float64).index_add_(0, place, values.double().cpu()).tolist()

    found = zip(sums(torch.ones_like(place)), sums(view.is_right), sums(view.cross_entropies), strict=True)
    return [{"text.token_accuracy": Part(right, count), PERPLEXITY: Part(nats, count)} for count, right, nats in found]
