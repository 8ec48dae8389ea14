"""What the untrained base makes of the training rows: the scale of loss terms, and how hard a row is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from spaces.mixture import TermName
from trainable.data.collate import Batch, Example, collate
from trainable.losses import LossTerm, TokenView
from trainable.model.load import Base
from trainable.model.supervised import supervised_states
from trainable.weighting.base import SMALLEST_LOSS

_ROWS_AT_ONCE = 8


@torch.no_grad()
def reference_losses(
    base: Base, examples: Sequence[Example], terms: Mapping[TermName, LossTerm]
) -> dict[TermName, float]:
    """Give the value of every term for the base, as the loss would count it at the first step.

    Args:
        base: Without an adapter; a fresh one changes nothing.
        examples: The calibration rows.
        terms: The terms.

    Returns:
        Numbers above 0. A term that is not above 0 for the base, as the divergence from itself is, or that has no
        position in the rows gets 1; no other is below 1e-4.

    """
    totals: dict[TermName, float] = dict.fromkeys(terms, 0.0)
    denominators: dict[TermName, int] = dict.fromkeys(terms, 0)
    for batch, states in _forward(base, examples):
        view = TokenView(states, base.head, batch.targets, states)
        for name, term in terms.items():
            totals[name] += term.total(view).item()
            denominators[name] += term.denominator(batch.targets)
    return {
        name: max(total / denominators[name], SMALLEST_LOSS) if total > 0 else 1.0 for name, total in totals.items()
    }


@torch.no_grad()
def row_losses(base: Base, examples: Iterable[Example]) -> list[float]:
    """Give the base's mean cross entropy over the supervised tokens of every row, in nats."""
    losses: list[float] = []
    for batch, states in _forward(base, examples):
        losses.extend(losses_by_row(TokenView(states, base.head, batch.targets), rows=batch.keep.shape[0]).tolist())
    return losses


def losses_by_row(view: TokenView, *, rows: int) -> Tensor:
    """Give the mean cross entropy over the supervised tokens of every row of a batch, in nats, of shape ``[rows]``."""
    zeros = torch.zeros(rows, device=view.device)
    totals = zeros.index_add(0, view.targets.rows, view.cross_entropies.detach())
    return totals / torch.bincount(view.targets.rows, minlength=rows)


def _forward(base: Base, examples: Iterable[Example]) -> Iterable[tuple[Batch, Tensor]]:
    waiting: list[Example] = []
    for example in examples:
        waiting.append(example)
        if len(waiting) == _ROWS_AT_ONCE:
            yield _run(base, waiting)
            waiting = []
    if waiting:
        yield _run(base, waiting)


def _run(base: Base, examples: Sequence[Example]) -> tuple[Batch, Tensor]:
    batch = collate(examples, base)
    return batch, supervised_states(base.model, batch)
