"""Number token loss: how far from the true digit the probability lies."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView


def digit_probabilities(view: TokenView) -> Tensor:
    """Give the distribution over the ten digits at every box digit, float32, of shape ``[d, 10]``."""
    return view.digit_logits.softmax(dim=-1)


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
    def total(self, view: TokenView) -> Tensor:
        digits = torch.arange(10, device=view.device)
        distance = (digits[None, :] - view.targets.digit_values[:, None]).abs().float()
        return (digit_probabilities(view) * distance).sum()
