"""Loss terms by name."""

from collections.abc import Callable, Mapping

from spaces.mixture import MixtureConfig, TermName
from trainable.losses.base import LossTerm, TokenView
from trainable.losses.box import SoftGIoU, SoftL1
from trainable.losses.carry import CarryLoss
from trainable.losses.kl import KlToBase
from trainable.losses.label_smoothing import LabelSmoothing
from trainable.losses.mixture import Mixture, TermSum, needs_references
from trainable.losses.ntl import NumberTokenLoss
from trainable.losses.soft_label import SoftDigitLabels
from trainable.losses.tokens import BoxCrossEntropy, TextCrossEntropy
from trainable.losses.z_loss import ZLoss

LOSS_TERMS: Mapping[TermName, Callable[[MixtureConfig], LossTerm]] = {
    "text_ce": lambda config: TextCrossEntropy(),
    "box_ce": lambda config: BoxCrossEntropy(),
    "label_smoothing": lambda config: LabelSmoothing(),
    "soft_label": lambda config: SoftDigitLabels(tau=config.soft_label.tau),
    "ntl_was": lambda config: NumberTokenLoss(),
    "carry": lambda config: CarryLoss(bound=config.carry.bound),
    "l1": lambda config: SoftL1(decoding=config.l1.decoding),
    "giou": lambda config: SoftGIoU(decoding=config.giou.decoding),
    "kl": lambda config: KlToBase(divergence=config.kl.divergence),
    "z_loss": lambda config: ZLoss(),
}


def make_terms(config: MixtureConfig) -> Mapping[TermName, LossTerm]:
    """Make every term with its own settings; which of them are used, the mixture's weights say."""
    return {name: make(config) for name, make in LOSS_TERMS.items()}


__all__ = [
    "LOSS_TERMS",
    "BoxCrossEntropy",
    "CarryLoss",
    "KlToBase",
    "LabelSmoothing",
    "LossTerm",
    "Mixture",
    "NumberTokenLoss",
    "SoftDigitLabels",
    "SoftGIoU",
    "SoftL1",
    "TermSum",
    "TextCrossEntropy",
    "TokenView",
    "ZLoss",
    "make_terms",
    "needs_references",
]
