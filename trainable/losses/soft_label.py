"""Soft labels over digits: near digits are less wrong than far ones."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView


class SoftDigitLabels(LossTerm):
    """Divergence of the predicted from a bell-shaped digit distribution, at the digits of boxes, in nats.

    The target at a digit ``d`` is ``p(j) ∝ exp(-(j - d)² / tau)`` over 0–9; the prediction is over the whole
    vocabulary, so mass on other tokens costs as well. As ``tau`` goes to 0 this is cross entropy.

    References:
        Chung et al., "Teaching Metric Distance to Discrete Autoregressive Language Models" (DIST2Loss), 2025,
        arXiv 2503.02379; there beside cross entropy with weight 0.1 and tau 1. No place-value weights here.

    """

    def __init__(self, *, tau: float) -> None:
        self._tau = tau

    @override
    def count(self, targets: Targets) -> int:
        return targets.digit_rows.numel()

    @override
    def total(self, view: TokenView) -> Tensor:
        targets = view.targets
        digits = torch.arange(10, device=view.device)
        distance = (digits[None, :] - targets.digit_values[:, None]).float()
        log_target = (-distance.square() / self._tau).log_softmax(dim=-1)
        log_p = view.digit_logits - view.log_normalisers[targets.digit_rows][:, None]
        return (log_target.exp() * (log_target - log_p)).sum()
