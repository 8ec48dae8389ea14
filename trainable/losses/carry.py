"""Numbers digit by digit, with what a wrong digit can still lead to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from spaces.mixture import Bound
from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView
from trainable.losses.ntl import digit_probabilities

_PLACES = 4


@dataclass(frozen=True)
class Branches:
    """Where each number of the boxes can leave its true digits: ``n`` numbers, four places, ten digits.

    Attributes:
        probability: Of leaving the true digits at this place with this digit, float32, of shape ``[n, 4, 10]``; zero
            at the true digit and at places that the number does not have.
        distance: From the true number to the numbers still reachable then, in units, same shape, never negative.
        sign: 1 where the number becomes larger, -1 where it becomes smaller, same shape.

    """

    probability: Tensor
    distance: Tensor
    sign: Tensor


def branches(view: TokenView, *, bound: Bound) -> Branches:
    """Follow every number of the boxes from its highest digit.

    After the true digits before it, a digit ``j`` at a place of value ``P`` with the true digit ``d`` and the true
    rest ``r`` leads to numbers from ``(j - d) P - r`` to ``(j - d) P - r + P - 1`` away. ``lower`` takes the nearest,
    ``mid`` the middle.
    """
    targets, device = view.targets, view.device
    numbers = targets.boxes.flatten()
    slot = _PLACES - 1 - torch.log10(targets.digit_places).round().long()
    where = (targets.digit_corners, slot)
    probabilities, true = digit_probabilities(view), targets.digit_values
    q = torch.zeros((numbers.numel(), _PLACES, 10), device=device).index_put(where, probabilities)
    stays = torch.ones((numbers.numel(), _PLACES), device=device).index_put(
        where, probabilities.gather(1, true[:, None]).squeeze(1)
    )
    survival = torch.cat([torch.ones_like(stays[:, :1]), stays[:, :-1].cumprod(dim=1)], dim=1)
    step = torch.arange(10, device=device)[None, :] - true[:, None]
    place, rest = targets.digit_places[:, None], (numbers[targets.digit_corners] % targets.digit_places)[:, None]
    nearest = torch.where(step > 0, step * place - rest, -step * place + rest - (place - 1))
    farthest = torch.where(step > 0, step * place - rest + (place - 1), -step * place + rest)
    distance = nearest if bound == "lower" else (nearest + farthest) / 2
    distance = torch.where(step == 0, 0.0, distance)

    def spread(values: Tensor) -> Tensor:
        return torch.zeros_like(q).index_put(where, values.float())

    off = spread((step != 0).float())
    return Branches(q * survival[:, :, None] * off, spread(distance), spread(step.sign().float()))


class CarryLoss(LossTerm):
    """Expected distance of a number from the true one, as a share of the image, along the true digits.

    Per-digit losses take digits as independent, so near a carry (499 | 500) their minimum is not the truth. This one
    weighs a digit by the chance that the number was right so far and counts what the digits after it can still make
    good: with ``lower`` it is never above, with the farthest reachable number never below, the expected absolute error
    of the whole number. For numbers of one digit it is NTL-WAS divided by 1000.
    """

    def __init__(self, *, bound: Bound) -> None:
        self._bound: Bound = bound

    @override
    def count(self, targets: Targets) -> int:
        return targets.boxes.numel()

    @override
    def total(self, view: TokenView) -> Tensor:
        found = branches(view, bound=self._bound)
        distances = (found.probability * found.distance).sum(dim=(1, 2))
        return (distances / view.targets.extents.flatten()).sum()


def carried_boxes(view: TokenView, *, bound: Bound) -> Tensor:
    """Decode each coordinate as the true one plus its expected signed distance, without the jump at a carry.

    Returns:
        Corners in 0–1 of the image, float32, of shape ``[m, 4]``; corners may be crossed.

    """
    found = branches(view, bound=bound)
    shift = (found.probability * found.distance * found.sign).sum(dim=(1, 2))
    return (view.targets.boxes + shift.reshape(-1, 4)) / view.targets.extents
