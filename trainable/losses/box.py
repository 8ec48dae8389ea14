"""GIoU and L1 of boxes that are decoded softly from digit probabilities."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from spaces.mixture import Decoding
from trainable.data.collate import Targets
from trainable.losses.base import LossTerm, TokenView
from trainable.losses.carry import carried_boxes
from trainable.losses.ntl import digit_probabilities

_SMALLEST_AREA = 1e-12
"""Guards divisions; a box of one thousandth by one thousandth has a million times that area."""


def soft_boxes(view: TokenView, *, decoding: Decoding) -> Tensor:
    """Decode each coordinate from its digits' probabilities, given the true digits before each.

    Args:
        view: The supervised positions.
        decoding: ``naive`` adds up expected digit values; ``carry`` adds the expected signed distance to the truth.

    Returns:
        Corners in 0–1 of the image, float32, of shape ``[m, 4]``, as they come: corners may be crossed.

    """
    if decoding == "carry":
        return carried_boxes(view, bound="lower")
    targets, device = view.targets, view.device
    expected = digit_probabilities(view) @ torch.arange(10.0, device=device)
    flat = torch.zeros(targets.boxes.numel(), device=device)
    flat = flat.index_add(0, targets.digit_corners, expected * targets.digit_places)
    return flat.reshape(-1, 4) / targets.extents


def true_boxes(targets: Targets) -> Tensor:
    """Give the true corners in 0–1 of the image, float32, of shape ``[m, 4]``."""
    return targets.boxes / targets.extents


def giou(first: Tensor, second: Tensor) -> Tensor:
    """Give the generalised IoU of pairs of boxes, in [-1, 1].

    Args:
        first: Corners ``x1, y1, x2, y2`` with ``x1 <= x2`` and ``y1 <= y2``, float32, of shape ``[m, 4]``.
        second: The same.

    Returns:
        Of shape ``[m]``; finite also for boxes without area.

    References:
        Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019, arXiv 1902.09630, algorithm 1.

    """
    low = torch.maximum(first[:, :2], second[:, :2])
    high = torch.minimum(first[:, 2:], second[:, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=1)
    union = _areas(first) + _areas(second) - overlap
    hull = torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])
    hull_area = hull.prod(dim=1)
    return overlap / union.clamp(min=_SMALLEST_AREA) - (hull_area - union) / hull_area.clamp(min=_SMALLEST_AREA)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)


def sort_corners(boxes: Tensor) -> Tensor:
    """Order the corners of each box; the gradient follows the order."""
    first, second = boxes[:, :2], boxes[:, 2:]
    return torch.cat([torch.minimum(first, second), torch.maximum(first, second)], dim=1)


class _SoftBoxTerm(LossTerm):
    """A term of whole boxes, decoded softly.

    Teacher forced: each digit is predicted after the true ones, so near a carry (499 | 500) the minimum is not the
    truth. Use it beside cross entropy and with a small weight.
    """

    def __init__(self, *, decoding: Decoding) -> None:
        self._decoding: Decoding = decoding

    @override
    def count(self, targets: Targets) -> int:
        return targets.boxes.shape[0]


class SoftGIoU(_SoftBoxTerm):
    """``1 - GIoU`` of softly decoded boxes, 0–2, in float32; crossed corners are sorted first."""

    @override
    def total(self, view: TokenView) -> Tensor:
        predicted = sort_corners(soft_boxes(view, decoding=self._decoding))
        return (1 - giou(predicted, true_boxes(view.targets))).sum()


class SoftL1(_SoftBoxTerm):
    """Absolute error of the four softly decoded corners, summed, as shares of the image, in float32."""

    @override
    def total(self, view: TokenView) -> Tensor:
        return (soft_boxes(view, decoding=self._decoding) - true_boxes(view.targets)).abs().sum()
