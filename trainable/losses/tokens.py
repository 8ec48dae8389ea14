"""Cross entropy of single tokens, in and outside boxes."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor
from typing_extensions import override

from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView


class _CrossEntropy(LossTerm):
    """Cross entropy inside or outside boxes, in nats.

    Both terms are divided by the number of all supervised tokens, so that with weights 1 they are the model's own loss
    (``ForCausalLMLoss`` of transformers) and a box weight of 2 counts every box token twice.
    """

    @abstractmethod
    def mask(self, targets: Targets) -> Tensor:
        """Mark the term's tokens, bool, of shape ``[k]``."""

    @override
    def count(self, targets: Targets) -> int:
        return int(self.mask(targets).sum())

    @override
    def denominator(self, targets: Targets) -> int:
        return targets.labels.numel()

    @override
    def total(self, view: TokenView) -> Tensor:
        return view.cross_entropies[self.mask(view.targets)].sum()


class TextCrossEntropy(_CrossEntropy):
    """Cross entropy of the supervised tokens outside boxes, in nats."""

    serves = "text"

    @override
    def mask(self, targets: Targets) -> Tensor:
        return ~targets.in_box


class BoxCrossEntropy(_CrossEntropy):
    """Cross entropy of the tokens inside boxes, in nats."""

    @override
    def mask(self, targets: Targets) -> Tensor:
        return targets.in_box
