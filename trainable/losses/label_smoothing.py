"""What label smoothing adds to cross entropy."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView


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
        return (view.log_normalisers - view.mean_logits - view.cross_entropies)[mask].sum()
