"""Boxes as plain numbers: frames, checks and overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNITS = 1000
"""Qwen2-VL writes coordinates as thousandths of the image's width or height."""


class Box(NamedTuple):
    """Corners ``x1, y1, x2, y2`` with ``x1 < x2`` and ``y1 < y2``; the frame is said by the variable's name."""

    x1: float
    y1: float
    x2: float
    y2: float


def fault_of(box: Box, *, width: float, height: float) -> str | None:
    """Say what is wrong with a box that should lie inside ``width`` x ``height``, or ``None``."""
    if not all(abs(value) < float("inf") for value in box):
        return f"a coordinate is not finite: {tuple(box)}"
    if box.x2 <= box.x1 or box.y2 <= box.y1:
        return f"x2 must exceed x1 and y2 must exceed y1; got {tuple(box)}"
    if box.x1 < 0 or box.y1 < 0 or box.x2 > width or box.y2 > height:
        return f"the box leaves the image of {width:g}x{height:g}; got {tuple(box)}"
    return None


def pixels_to_thousandths(box_px: Box, *, width: int, height: int) -> Box:
    """Express a pixel box in Qwen2-VL's frame, rounded to whole units.

    Args:
        box_px: Corners in pixels of the original image.
        width: The original image's width in pixels.
        height: Its height in pixels.

    Returns:
        Corners as whole numbers in 0–1000.

    """
    return Box(
        round(box_px.x1 / width * UNITS),
        round(box_px.y1 / height * UNITS),
        round(box_px.x2 / width * UNITS),
        round(box_px.y2 / height * UNITS),
    )


def iou(first: Box, second: Box) -> float:
    """Give the intersection over union of two boxes of one frame, in 0–1; 0 if either has no area."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    overlap = max(width, 0.0) * max(height, 0.0)
    union = area(first) + area(second) - overlap
    return overlap / union if union > 0 else 0.0


def area(box: Box) -> float:
    """Give the area in squared units of the box's frame; 0 if the corners are crossed."""
    return max(box.x2 - box.x1, 0.0) * max(box.y2 - box.y1, 0.0)


def mean_box(boxes: Sequence[Box]) -> Box | None:
    """Give the box of mean corners, or ``None`` without boxes: the constant-box baseline."""
    if not boxes:
        return None
    return Box(*(sum(corner) / len(boxes) for corner in zip(*boxes, strict=True)))
