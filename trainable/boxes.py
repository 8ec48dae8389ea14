"""Boxes as plain numbers: frames, checks and overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

UNITS = 1000
"""Qwen2-VL writes coordinates as thousandths of the image's width or height."""

Size = tuple[int, int]
"""Width and height in pixels."""


class Box(NamedTuple):
    """Corners ``x1, y1, x2, y2`` with ``x1 < x2`` and ``y1 < y2``; the frame is said by the variable's name."""

    x1: float
    y1: float
    x2: float
    y2: float


def fault_of(box: Box, *, width: float, height: float) -> str | None:
    """Say what is wrong with a box that should lie inside ``width`` x ``height``, or ``None``."""
    if not all(abs(value) < float("inf") for value in box):
        return f"a coordinate is not finite: {_numbers(box)}"
    if box.x2 <= box.x1 or box.y2 <= box.y1:
        return f"x2 must exceed x1 and y2 must exceed y1; got {_numbers(box)}{_crossed(box)}"
    if box.x1 < 0 or box.y1 < 0 or box.x2 > width or box.y2 > height:
        return f"the box leaves the image of {width:g}x{height:g}; got {_numbers(box)}"
    return None


def fault_of_thousandths(box: Box) -> str | None:
    """Say what is wrong with a box in thousandths of its image, or ``None``."""
    if all(0 <= value <= UNITS for value in box):
        return fault_of(box, width=UNITS, height=UNITS)
    return f"thousandths go from 0 to {UNITS}; got {_numbers(box)}"


def _numbers(box: Box) -> str:
    return f"({', '.join(f'{value:.10g}' for value in box)})"


def _crossed(box: Box) -> str:
    """Say which numbers stand in each other's place, if the box has an area once they are swapped."""
    if box.x1 == box.x2 or box.y1 == box.y2:
        return ""
    pairs = [
        f"{axis}1 and {axis}2" for axis, is_crossed in (("x", box.x2 < box.x1), ("y", box.y2 < box.y1)) if is_crossed
    ]
    return f"; swap {', and '.join(pairs)}"


def scaled(box: Box, size: tuple[float, float], to: tuple[float, float]) -> Box:
    """Express a box of a frame of one size in a frame of another; not rounded.

    Args:
        box: Corners in the first frame.
        size: Width and height of the first frame.
        to: Width and height of the other.

    """
    (width, height), (wide, high) = size, to
    return Box(box.x1 / width * wide, box.y1 / height * high, box.x2 / width * wide, box.y2 / height * high)


def rounded(box: Box) -> Box:
    """Round the corners to whole units."""
    return Box(*(round(value) for value in box))


def pixels_to_thousandths(box_px: Box, *, width: int, height: int) -> Box:
    """Express a pixel box in Qwen2-VL's frame, rounded to whole units.

    Args:
        box_px: Corners in pixels of the original image.
        width: The original image's width in pixels.
        height: Its height in pixels.

    Returns:
        Corners as whole numbers in 0–1000.

    """
    return rounded(scaled(box_px, (width, height), (UNITS, UNITS)))


def upright_box(box: Box, stored: Size, orientation: int) -> Box:
    """Turn a box that was drawn on an image as it is stored into the frame of the image as it is seen.

    Args:
        box: Corners in pixels of the stored image.
        stored: Its width and height.
        orientation: EXIF's, 1 to 8.

    Returns:
        Corners in pixels of the upright image.

    References:
        CIPA DC-008 (Exif 2.32), tag 274: where row 0 and column 0 of the stored image are seen.

    """
    width, height = stored
    x1, y1, x2, y2 = box
    if orientation in (2, 3, 7, 8):  # the stored left is seen on the right, or below
        x1, x2 = width - x2, width - x1
    if orientation in (3, 4, 6, 7):  # the stored top is seen below, or on the right
        y1, y2 = height - y2, height - y1
    return Box(y1, x1, y2, x2) if orientation in (5, 6, 7, 8) else Box(x1, y1, x2, y2)


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
