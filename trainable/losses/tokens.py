"""Cross entropy of text tokens and of box tokens, as two terms."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy
from typing_extensions import override

from trainable.data.collate import Targets
from trainable.losses.base import LossTerm


class TokenCrossEntropy(LossTerm):
    """Cross entropy inside or outside boxes, in nats.

    Both terms are divided by the number of all supervised tokens, so that with weights 1 they are the model's own loss
    (``ForCausalLMLoss`` of transformers) and a box weight of 2 counts every box token twice.
    """

    def __init__(self, *, in_box: bool) -> None:
        self._in_box = in_box

    def _mask(self, targets: Targets) -> Tensor:
        return targets.in_box if self._in_box else ~targets.in_box

    @override
    def count(self, targets: Targets) -> int:
        return int(self._mask(targets).sum())

    @override
    def denominator(self, targets: Targets) -> int:
        return targets.labels.numel()

    @override
    def total(self, logits: Tensor, targets: Targets) -> Tensor:
        mask = self._mask(targets)
        return cross_entropy(logits[mask].float(), targets.labels[mask], reduction="sum")
