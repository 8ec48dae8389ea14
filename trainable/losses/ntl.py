"""Number token loss: how far from the true digit the probability lies."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from trainable.data.collate import Targets
from trainable.losses.base import LossTerm


def digit_probabilities(logits: Tensor, targets: Targets) -> Tensor:
    """Give the distribution over the ten digits at every box digit, float32, of shape ``[d, 10]``."""
    rows = logits.index_select(0, targets.digit_rows).index_select(1, targets.digit_ids)
    return rows.float().softmax(dim=-1)


class NumberTokenLoss(LossTerm):
    """NTL-WAS: expected distance between the predicted and the true digit, 0–9, on the digits of boxes only.

    References:
        Zausinger, Pennig et al., "Regress, Don't Guess: A Regression-like Loss on Number Tokens for Language Models",
        ICML 2025, arXiv 2411.02083, equation 4. Here the digits of captions do not enter.

    """

    @override
    def count(self, targets: Targets) -> int:
        return targets.digit_rows.numel()

    @override
    def total(self, logits: Tensor, targets: Targets) -> Tensor:
        digits = torch.arange(10, device=logits.device)
        distance = (digits[None, :] - targets.digit_values[:, None]).abs().float()
        return (digit_probabilities(logits, targets) * distance).sum()
