"""Terms of single tokens: cross entropy in and outside boxes, label smoothing, and the size of the logits."""

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


class LabelSmoothing(LossTerm):
    """What label smoothing adds to cross entropy on text: mean of ``-log p`` over the vocabulary, minus cross entropy.

    Beside ``text_ce`` at weight 1, a weight ``e`` gives torch's ``cross_entropy(label_smoothing=e)``. It is spread over
    the whole vocabulary, so it is kept off boxes; digits have ``soft_label``.

    References:
        Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, arXiv 1512.00567,
        section 7.

    """

    serves = None

    @override
    def count(self, targets: Targets) -> int:
        return int((~targets.in_box).sum())

    @override
    def denominator(self, targets: Targets) -> int:
        return targets.labels.numel()

    @override
    def total(self, view: TokenView) -> Tensor:
        mask = ~view.targets.in_box
        log_p = view.logits[mask].float().log_softmax(dim=-1)
        true = log_p.gather(1, view.targets.labels[mask][:, None]).sum()
        return true - log_p.mean(dim=-1).sum()


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
        return view.logits.float().logsumexp(dim=-1).square().sum()
