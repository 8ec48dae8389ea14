"""The size of the logits."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView


class ZLoss(LossTerm):
    """Square of the log of softmax's normaliser at every supervised token; keeps logits from drifting.

    References:
        Chowdhery et al., "PaLM", 2022, arXiv 2204.02311, section 5; there with weight 1e-4.

    """

    serves = None

    @override
    def count(self, targets: Targets) -> int:
        return targets.labels.numel()

    @override
    def total(self, view: TokenView) -> Tensor:
        return view.log_normalisers.square().sum()
