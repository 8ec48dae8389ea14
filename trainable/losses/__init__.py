"""Loss terms by name."""

from collections.abc import Mapping

from spaces.mixture import TermName
from trainable.losses.base import LossTerm
from trainable.losses.box import SoftGIoU
from trainable.losses.mixture import Mixture, TermSum
from trainable.losses.ntl import NumberTokenLoss
from trainable.losses.tokens import TokenCrossEntropy

LOSS_TERMS: Mapping[TermName, LossTerm] = {
    "text_ce": TokenCrossEntropy(in_box=False),
    "box_ce": TokenCrossEntropy(in_box=True),
    "ntl_was": NumberTokenLoss(),
    "giou": SoftGIoU(),
}

__all__ = ["LOSS_TERMS", "LossTerm", "Mixture", "NumberTokenLoss", "SoftGIoU", "TermSum", "TokenCrossEntropy"]
