"""The output layer at supervised positions: what losses need of its logits, without ever holding them all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from typing_extensions import override

_HELD = {"cpu": 2**17, "cuda": 2**26}
"""Logits held at a time, by kind of device: as many as a core's cache keeps, or as make a product large enough."""
_FEWEST_TOKENS = 1024
_FEW = 8


@dataclass(frozen=True)
class Head:
    """The frozen output layer of a base.

    Attributes:
        weight: Of shape ``[vocabulary, width]``, in any floating type; there is no bias.

    """

    weight: Tensor

    @cached_property
    def mean(self) -> Tensor:
        """The mean row, which gives a position's mean logit, float32, of shape ``[width]``."""
        return self.weight.mean(dim=0, dtype=torch.float32)

    def best(self, states: Tensor) -> Tensor:
        """Give the token of the largest logit of each state, int64, of shape ``[k]``.

        On a processor a product of a few states takes half the time with the head as its first factor.

        Args:
            states: Of shape ``[k, width]``.

        """
        parts = states.split(_FEW) if states.device.type == "cpu" else (states,)
        return torch.cat([(self.weight @ part.t()).argmax(dim=0) for part in parts])


@dataclass(frozen=True)
class Normalised:
    """What softmax needs of the logits of ``k`` positions.

    Attributes:
        cross_entropies: Of the labels, in nats, float32, of shape ``[k]``.
        log_normalisers: Log of the sum of all exponentials, float32, of the same shape.
        is_best: Whether no token has a larger logit than the label, bool, of the same shape.

    """

    cross_entropies: Tensor
    log_normalisers: Tensor
    is_best: Tensor


def normalised(states: Tensor, head: Head, labels: Tensor) -> Normalised:
    """Go once through the vocabulary, some tokens at a time.

    Where states need a gradient, the head's rows are added up with their probabilities on the same way, so that the
    gradient needs no second pass, and no logits.

    Args:
        states: What enters the head, of shape ``[k, width]``, in the head's type.
        head: The output layer.
        labels: The true tokens, int64, of shape ``[k]``.

    Returns:
        What equals ``log_softmax`` of all logits in float32, to rounding.

    References:
        Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018, arXiv 1805.02867, algorithm 3; the
        gradient along the way as in Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", ICLR 2025,
        arXiv 2411.09009, without leaving out small probabilities.

    """
    return Normalised(*_Streamed.apply(states, head.weight, labels))


class _Streamed(torch.autograd.Function):
    @staticmethod
    @override
    def forward(ctx: Any, states: Tensor, weight: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride] - torch's own has *args
        rows, device = len(states), states.device
        peak = torch.full((rows,), -torch.inf, device=device)
        total = torch.zeros(rows, device=device)
        chosen = torch.zeros(rows, device=device)
        pulled = torch.zeros(states.shape, device=device) if ctx.needs_input_grad[0] else None
        step = max(_FEWEST_TOKENS, _HELD.get(device.type, _HELD["cuda"]) // max(rows, 1))
        for start in range(0, len(weight), step):
            part = weight[start : start + step]
            logits = linear(states, part).float()
            inside = (labels >= start) & (labels < start + len(part))
            own = logits.gather(1, (labels - start).clamp(0, len(part) - 1)[:, None]).squeeze(1)
            chosen = torch.where(inside, own, chosen)
            peak, before = torch.maximum(peak, logits.amax(dim=1)), peak
            shrink = (before - peak).exp()
            logits.sub_(peak[:, None]).exp_()
            total = total * shrink + logits.sum(dim=1)
            if pulled is not None:
                pulled.mul_(shrink[:, None])
                if part.dtype == torch.float32:
                    pulled.addmm_(logits, part)
                else:
                    pulled += logits.to(part.dtype) @ part
        if pulled is not None:
            ctx.save_for_backward(pulled.div_(total[:, None]), weight, labels)
        is_best = chosen == peak
        ctx.mark_non_differentiable(is_best)
        excess = total.log()
        return (peak - chosen) + excess, peak + excess, is_best

    @staticmethod
    @override
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        of_entropy, of_normaliser, _ = gradients
        pulled, weight, labels = ctx.saved_tensors
        gradient = (of_entropy + of_normaliser)[:, None] * pulled - of_entropy[:, None] * weight[labels].float()
        return gradient.to(weight.dtype), None, None
