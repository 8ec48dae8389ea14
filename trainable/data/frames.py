"""Frames of coordinates: what four numbers of a box mean, and whether they can mean it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from spaces.trial import Frame
from trainable.boxes import UNITS, Box, fault_of, pixels_to_thousandths

FRAMES: tuple[Frame, ...] = get_args(Frame)

Size = tuple[int, int]
Numbers = tuple[float, float, float, float]

_ENOUGH = 20
"""Fewer boxes prove nothing about their frame."""

_FEW = 0.02
"""Share of impossible boxes that a data set may have for reasons of its own."""

_CLEARLY = 1.15
"""A frame in which boxes reach so many times further into their images than in another is the better reading."""

_ROUNDING_PX = 1.0


@dataclass(frozen=True)
class FrameVerdict:
    """What a data set's boxes say about their frame.

    Attributes:
        fault: Why they can't be in the frame that they are read in, or ``None``.
        evidence: In one line: how many boxes are possible in which frame.

    """

    fault: str | None
    evidence: str


def to_pixels(numbers: Numbers, frame: Frame, size: Size) -> Box:
    """Express numbers of a frame as corners in pixels of the upright image.

    Args:
        numbers: As they stand in the data.
        frame: ``pixels_xyxy`` and ``pixels_xywh`` in pixels, ``pixels_yxyx`` with y first, ``unit_xyxy`` and
            ``unit_xywh`` in 0–1, ``thousandths_xyxy`` in 0–1000 of the image.
        size: Width and height of the image in pixels.

    Returns:
        Corners as they come: unchecked.

    """
    width, height = size
    first, second, third, fourth = numbers
    match frame:
        case "pixels_xyxy":
            return Box(first, second, third, fourth)
        case "pixels_xywh":
            return Box(first, second, first + third, second + fourth)
        case "pixels_yxyx":
            return Box(second, first, fourth, third)
        case "unit_xyxy":
            return Box(first * width, second * height, third * width, fourth * height)
        case "unit_xywh":
            return Box(first * width, second * height, (first + third) * width, (second + fourth) * height)
        case "thousandths_xyxy":
            return Box(first / UNITS * width, second / UNITS * height, third / UNITS * width, fourth / UNITS * height)


def to_thousandths(numbers: Numbers, frame: Frame, size: Size) -> Box:
    """Express numbers of a frame in Qwen2-VL's, as whole thousandths of the image; unchecked."""
    return pixels_to_thousandths(to_pixels(numbers, frame, size), width=size[0], height=size[1])


def plausible_frames(boxes: Sequence[tuple[Numbers, Size]]) -> tuple[tuple[Frame, ...], str]:
    """Find the frames in which a data set's boxes make sense.

    A frame is out if more than 2 % of the boxes leave their images or have crossed corners in it. Of those left, only
    those count in which the outermost boxes come about as near to the right and to the lower edge as in the best: many
    boxes that stay inside by much would be a coincidence.

    Args:
        boxes: Numbers and the size of their image.

    Returns:
        Frames, none where boxes are too few to tell or make sense in no frame, and the evidence in one line.

    """
    counts: dict[Frame, int] = {frame: _possible(boxes, frame) for frame in FRAMES}
    shown = ", ".join(f"{frame} {count}" for frame, count in counts.items() if count)
    evidence = f"of {len(boxes)} boxes are possible as {shown or 'no frame'}"
    if len(boxes) < _ENOUGH:
        return (), f"too few boxes to tell a frame; {evidence}"
    reach: dict[Frame, float] = {
        frame: _reach(boxes, frame) for frame, count in counts.items() if count >= (1 - _FEW) * len(boxes)
    }
    return tuple(frame for frame, found in reach.items() if found * _CLEARLY >= max(reach.values())), evidence


def judge_frame(boxes: Sequence[tuple[Numbers, Size]], frame: Frame) -> FrameVerdict:
    """Say whether a data set's boxes can be in the frame that they are read in.

    Args:
        boxes: Numbers and the size of their image.
        frame: How they are read.

    """
    plausible, evidence = plausible_frames(boxes)
    if not plausible or frame in plausible:
        return FrameVerdict(None, evidence)
    impossible = len(boxes) - _possible(boxes, frame)
    found = " or ".join(plausible)
    return FrameVerdict(
        f"boxes are read as {frame}, in which {impossible} of {len(boxes)} are impossible and the others out of place; "
        f"they look like {found}",
        evidence,
    )


def _possible(boxes: Sequence[tuple[Numbers, Size]], frame: Frame) -> int:
    return sum(_is_possible(to_pixels(numbers, frame, size), size) for numbers, size in boxes)


def _is_possible(box_px: Box, size: Size) -> bool:
    width, height = size
    snapped = Box(_snap(box_px.x1, width), _snap(box_px.y1, height), _snap(box_px.x2, width), _snap(box_px.y2, height))
    return fault_of(snapped, width=width, height=height) is None


def _snap(value: float, edge: int) -> float:
    """Put a corner that lies at most a pixel outside on the edge."""
    return min(max(value, 0.0), float(edge)) if -_ROUNDING_PX <= value <= edge + _ROUNDING_PX else value


def _reach(boxes: Sequence[tuple[Numbers, Size]], frame: Frame) -> float:
    """Give how near the outermost boxes come to the right and to the lower edge, the worse of both; 1 touches them.

    The second outermost counts, so that one odd box decides nothing.
    """
    shares: list[tuple[float, float]] = []
    for numbers, (width, height) in boxes:
        box = to_pixels(numbers, frame, (width, height))
        shares.append((box.x2 / width, box.y2 / height))
    return min(sorted(axis)[-2] for axis in zip(*shares, strict=True))


NAMES: Mapping[str, Frame] = {"real": "pixels_xyxy", "norm1": "unit_xyxy", "norm1000": "thousandths_xyxy"}
"""What ms-swift calls the frames."""
