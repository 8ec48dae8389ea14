"""One pass of several trials' batches through one base, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from spaces.mixture import TermName
from trainable.data.collate import Batch, collate
from trainable.losses import TermSum, TokenView
from trainable.model.head import Head
from trainable.model.load import Base
from trainable.model.supervised import all_states
from trainable.packing.linear import routed
from trainable.packing.packed_trial import PackedTrial, Taken


def joint_pass(base: Base, trials: Sequence[PackedTrial]) -> list[Taken]:
    """Give every trial the loss and the gradient of its next batch; counts nothing yet.

    Args:
        base: Bare.
        trials: At least one.

    Returns:
        For each trial what it is to take.

    Raises:
        Exception: Whatever goes wrong for any of the trials, memory included.

    """
    compared = _base_states(base, trials)
    batch = _joined(base, trials)
    with routed(base.model, [trial.route for trial in trials]):
        states = all_states(base.model, batch)
    losses, parts = _losses(base.head, _split(states, trials), trials, compared)
    del states, batch, compared  # so that they are gone when the gradient needs their place
    parameters = [value for trial in trials for value in trial.parameters]
    gradient = iter(torch.autograd.grad(losses, parameters))
    return [
        Taken(sums, tuple(next(gradient) for _ in trial.parameters)) for trial, sums in zip(trials, parts, strict=True)
    ]


def _losses(
    head: Head, states: Iterator[Tensor], trials: Sequence[PackedTrial], compared: Mapping[PackedTrial, Tensor]
) -> tuple[list[Tensor], list[dict[TermName, TermSum]]]:
    losses: list[Tensor] = []
    parts: list[dict[TermName, TermSum]] = []
    for trial, own in zip(trials, states, strict=True):
        loss, sums = trial.loss(TokenView(own, head, trial.batch.targets, compared.get(trial)))
        losses.append(loss)
        parts.append(sums)
    return losses, parts


def _base_states(base: Base, trials: Sequence[PackedTrial]) -> dict[PackedTrial, Tensor]:
    """Run the base without adapters on the rows of those trials that compare with it."""
    needing = [trial for trial in trials if trial.window.needs_base]
    if not needing:
        return {}
    batch = _joined(base, needing)
    with torch.no_grad(), routed(base.model, []):
        states = all_states(base.model, batch)
    return dict(zip(needing, _split(states, needing), strict=True))


def _joined(base: Base, trials: Sequence[PackedTrial]) -> Batch:
    if len(trials) == 1:
        return trials[0].batch
    return collate([example for trial in trials for example in trial.examples], base)


def _split(states: Tensor, trials: Sequence[PackedTrial]) -> Iterator[Tensor]:
    return iter(states.split([len(trial.batch.targets.labels) for trial in trials]))
