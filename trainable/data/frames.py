"""Frames of coordinates: what four numbers of a box mean, and whether they can mean it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from spaces.trial import Frame
from trainable.boxes import UNITS, Box, Size, fault_of, rounded, scaled

FRAMES: tuple[Frame, ...] = get_args(Frame)

Numbers = tuple[float, float, float, float]

RESIZED_MAX_PIXELS = 1_003_520
"""1280 cells of 28 x 28: the budget of Qwen's published converters, and of ``resized_xyxy`` unless another is told."""

_RESIZED_FACTOR, _RESIZED_MIN_PIXELS = 28, 56 * 56
_BUDGETS = (RESIZED_MAX_PIXELS, *(cells * _RESIZED_FACTOR**2 for cells in (256, 512, 768, 1024, 2048, 4096)))
"""Pixel budgets that boxes are tried with, those of common recipes."""

_LOOK_ALIKE: tuple[Frame, ...] = ("unit_yxyx", "thousandths_yxyx")
"""Relative to both sides alike: their numbers do not show which axis comes first."""

_ENOUGH = 20
"""Fewer boxes prove nothing about their frame."""

_JUDGED = 5000
"""So many boxes of a data set, evenly chosen, are looked at."""

_FEW = 0.02
"""Share of impossible boxes that a data set may have for reasons of its own."""

_CLEARLY = 1.15
"""A frame in which boxes reach so many times further into their images than in another is the better reading."""

_COINCIDENCE = 1e-2
"""Chance below which boxes that keep to a part of their images are no coincidence."""

_LEAST_REACH = 0.1
"""Boxes that all stay in so small a corner of their images are in another frame: shares read as pixels are possible."""

_MUCH = 0.6
"""Images that were shrunk to so much of their area were shrunk by much."""

_NEAR = 0.8
"""Boxes that were drawn on resized images reach so far to their right and lower edges."""

_ROUNDING_PX = 1.0


@dataclass(frozen=True)
class Framing:
    """How numbers are read.

    Attributes:
        frame: What they are.
        max_pixels: Pixel budget of the images that ``resized_xyxy`` was drawn on.

    """

    frame: Frame
    max_pixels: int = RESIZED_MAX_PIXELS

    def __str__(self) -> str:
        return f"{self.frame} of at most {self.max_pixels} pixels" if self.frame == "resized_xyxy" else self.frame


@dataclass(frozen=True)
class FrameVerdict:
    """What a data set's boxes say about their frame.

    Attributes:
        fault: Why they can't be in the frame that they are read in, or ``None``.
        evidence: In one line: how many boxes are possible in which frame.

    """

    fault: str | None
    evidence: str


@lru_cache(maxsize=100_000)
def resized_size(size: Size, max_pixels: int = RESIZED_MAX_PIXELS) -> Size:
    """Give the size to which Qwen2.5-VL's processor resizes an image: multiples of 28 within a budget of pixels."""
    width, height = size
    high, wide = smart_resize(height, width, _RESIZED_FACTOR, _RESIZED_MIN_PIXELS, max_pixels)
    return wide, high


def to_pixels(numbers: Numbers, framing: Framing | Frame, size: Size) -> Box:
    """Express numbers of a frame as corners in pixels of the upright image.

    Args:
        numbers: As they stand in the data.
        framing: ``pixels`` are those of the upright image, ``unit`` shares of it in 0–1, ``thousandths`` in 0–1000,
            ``resized`` the pixels of the image after Qwen2.5-VL's resizing; ``xyxy`` are two corners, ``yxyx`` the
            same with y first, ``xywh`` the upper left corner and the size, ``cxcywh`` the centre and the size.
        size: Width and height of the image in pixels.

    Returns:
        Corners as they come: unchecked.

    """
    framing = framing if isinstance(framing, Framing) else Framing(framing)
    unit, _, order = framing.frame.partition("_")
    match unit:
        case "pixels":
            extent: tuple[float, float] = size
        case "unit":
            extent = (1, 1)
        case "thousandths":
            extent = (UNITS, UNITS)
        case _:
            extent = resized_size(size, framing.max_pixels)
    box = _corners(numbers, order)
    return box if extent == size else scaled(box, extent, size)


def _corners(numbers: Numbers, order: str) -> Box:
    first, second, third, fourth = numbers
    match order:
        case "xywh":
            return Box(first, second, first + third, second + fourth)
        case "cxcywh":
            return Box(first - third / 2, second - fourth / 2, first + third / 2, second + fourth / 2)
        case "yxyx":
            return Box(second, first, fourth, third)
        case _:
            return Box(first, second, third, fourth)


def exact_thousandths(numbers: Numbers, framing: Framing | Frame, size: Size) -> Box:
    """Express numbers of a frame in thousandths of the image, not rounded; unchecked."""
    return scaled(to_pixels(numbers, framing, size), size, (UNITS, UNITS))


def to_thousandths(numbers: Numbers, framing: Framing | Frame, size: Size) -> Box:
    """Express numbers of a frame in Qwen2-VL's, as whole thousandths of the image; unchecked."""
    return rounded(exact_thousandths(numbers, framing, size))


def plausible_frames(boxes: Sequence[tuple[Numbers, Size]]) -> tuple[tuple[Frame, ...], str]:
    """Find the frames in which a data set's boxes make sense.

    A frame is out if more than 2 % of the boxes leave their images or have crossed corners in it. Of those left, only
    those count in which the outermost boxes come about as near to the right and to the lower edge as in the best: many
    boxes that stay inside by much would be a coincidence. ``resized_xyxy`` stands in for ``pixels_xyxy`` where boxes
    keep to what resized images span (``resized_budget``). Frames relative to both sides alike with y first look like
    those with x first and are left out.

    Args:
        boxes: Numbers and the size of their image.

    Returns:
        Frames, none where boxes are too few to tell or make sense in no frame, and the evidence in one line.

    """
    judged = _judged(boxes)
    counts: dict[Frame, int] = {
        frame: _possible(judged, Framing(frame)) for frame in FRAMES if frame not in ("resized_xyxy", *_LOOK_ALIKE)
    }
    shown = ", ".join(f"{frame} {count}" for frame, count in counts.items() if count)
    evidence = f"of {len(judged)} boxes are possible as {shown or 'no frame'}"
    if len(judged) < _ENOUGH:
        return (), f"too few boxes to tell a frame; {evidence}"
    reach: dict[Frame, float] = {
        frame: _reach(judged, Framing(frame)) for frame, count in counts.items() if count >= (1 - _FEW) * len(judged)
    }
    budget, is_clear = resized_budget(boxes)
    if budget is not None and (is_clear or "pixels_xyxy" not in reach):
        reach["resized_xyxy"] = _reach(judged, Framing("resized_xyxy", budget))
        reach.pop("pixels_xyxy", None)
    if budget is not None:
        evidence += f"; as corners they keep to what images span that are resized to at most {budget} pixels"
    reach = {frame: found for frame, found in reach.items() if found >= _LEAST_REACH}
    # numbers up to 1000 keep to the part that resized images span, whatever they are
    rivals = [found for frame, found in reach.items() if frame != "resized_xyxy" or "thousandths_xyxy" not in reach]
    return tuple(frame for frame, found in reach.items() if found * _CLEARLY >= max(rivals, default=0)), evidence


def resized_budget(boxes: Sequence[tuple[Numbers, Size]]) -> tuple[int | None, bool]:
    """Find the pixel budget of resized images that corners may have been drawn on.

    In an image that was shrunk to a share s of its area, a box of the resized image never leaves the part s of the
    original, in which both corners of an arbitrary box lie with a chance of s squared; of all boxes, with the product.

    Args:
        boxes: Corners in pixels of the resized or of the original images, and the size of the original.

    Returns:
        The smallest budget for which all but 2 % of the boxes lie inside and the product is at most 1 %, if any; and
        whether that is clear: images were shrunk by much, and their boxes come near the edges of the resized images, as
        those of objects in the middle of photos do not.

    """
    judged = _judged(boxes)
    for budget in sorted(_BUDGETS):
        resized = [(numbers, resized_size(size, budget)) for numbers, size in judged]
        inside = sum(_is_possible(Box(*numbers), size) for numbers, size in resized)
        if inside < (1 - _FEW) * len(judged):
            continue
        areas = [(wide * high, w * h) for (_, (wide, high)), (_, (w, h)) in zip(resized, judged, strict=True)]
        if sum(2 * math.log(small / large) for small, large in areas if small < large) > math.log(_COINCIDENCE):
            continue
        shrunk = [one for one, (small, large) in zip(resized, areas, strict=True) if small <= _MUCH * large]
        chance = sum(2 * math.log(small / large) for small, large in areas if small <= _MUCH * large)
        is_near = len(shrunk) > 1 and _reach(shrunk, Framing("pixels_xyxy")) >= _NEAR
        return budget, is_near and chance <= math.log(_COINCIDENCE)
    return None, False


def judge_frame(
    boxes: Sequence[tuple[Numbers, Size]], framing: Framing | Frame, *, is_declared: bool = False
) -> FrameVerdict:
    """Say whether a data set's boxes can be in the frame that they are read in.

    They cannot if more than 2 % of them are impossible in it and another frame is plausible; or if they stay away from
    the edges of their images, and the same numbers in another unit do not.

    Args:
        boxes: Numbers and the size of their image.
        framing: How they are read.
        is_declared: Whether the user says so; then only impossible boxes contradict it.

    """
    framing = framing if isinstance(framing, Framing) else Framing(framing)
    plausible, evidence = plausible_frames(boxes)
    judged = _judged(boxes)
    impossible = len(judged) - _possible(judged, framing)
    accused = plausible
    if impossible <= _FEW * len(judged):
        unit = framing.frame.partition("_")[0]
        is_free = is_declared or framing.frame in ("resized_xyxy", *_LOOK_ALIKE)
        accused = () if is_free else tuple(frame for frame in plausible if not frame.startswith(unit))
    if framing.frame in plausible or not accused:
        return FrameVerdict(None, evidence)
    return FrameVerdict(
        f"boxes are read as {framing}, in which {impossible} of {len(judged)} are impossible and the others out of "
        f"place; they look like {' or '.join(accused)}",
        evidence,
    )


def _judged(boxes: Sequence[tuple[Numbers, Size]]) -> Sequence[tuple[Numbers, Size]]:
    return boxes[:: max(1, len(boxes) // _JUDGED)]


def _possible(boxes: Sequence[tuple[Numbers, Size]], framing: Framing) -> int:
    return sum(_is_possible(to_pixels(numbers, framing, size), size) for numbers, size in boxes)


def _is_possible(box_px: Box, size: Size) -> bool:
    width, height = size
    snapped = Box(_snap(box_px.x1, width), _snap(box_px.y1, height), _snap(box_px.x2, width), _snap(box_px.y2, height))
    return fault_of(snapped, width=width, height=height) is None


def _snap(value: float, edge: int) -> float:
    """Put a corner that lies at most a pixel outside on the edge."""
    return min(max(value, 0.0), float(edge)) if -_ROUNDING_PX <= value <= edge + _ROUNDING_PX else value


def _reach(boxes: Sequence[tuple[Numbers, Size]], framing: Framing) -> float:
    """Give how near the outermost boxes come to the right and to the lower edge, the worse of both; 1 touches them.

    The second outermost counts, so that one odd box decides nothing.
    """
    shares: list[tuple[float, float]] = []
    for numbers, (width, height) in boxes:
        box = to_pixels(numbers, framing, (width, height))
        shares.append((box.x2 / width, box.y2 / height))
    return min(sorted(axis)[-2] for axis in zip(*shares, strict=True))


NAMES: Mapping[str, Frame] = {"real": "pixels_xyxy", "norm1": "unit_xyxy", "norm1000": "thousandths_xyxy"}
"""What ms-swift calls the frames."""
