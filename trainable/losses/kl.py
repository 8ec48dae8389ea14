"""How far the answers' words have moved from what the base would say."""

from __future__ import annotations

from torch import Tensor
from typing_extensions import override

from spaces.mixture import Divergence
from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView


class KlToBase(LossTerm):
    """Divergence between the base's and the model's distributions at text tokens, in nats.

    ``forward`` is KL(base | model), ``reverse`` KL(model | base). It keeps text quality where the training data say
    little about it.

    References:
        Li & Hoiem, "Learning without Forgetting", ECCV 2016, arXiv 1606.09282.

    """

    needs_base = True
    serves = None

    def __init__(self, *, divergence: Divergence) -> None:
        self._divergence: Divergence = divergence

    @override
    def count(self, targets: Targets) -> int:
        return int((~targets.in_box).sum())

    @override
    def total(self, view: TokenView) -> Tensor:
        mask = ~view.targets.in_box
        own, base = view.log_probabilities(mask), view.base_log_probabilities(mask)
        first, second = (base, own) if self._divergence == "forward" else (own, base)
        return (first.exp() * (first - second)).sum()
