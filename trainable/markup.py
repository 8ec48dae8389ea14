"""Boxes to and from the text that Qwen2-VL and its successors read and write.

The native form is ``<|object_ref_start|>PHRASE<|object_ref_end|><|box_start|>(x1,y1),(x2,y2)<|box_end|>`` with
coordinates in 0–1000 (Qwen2-VL, arXiv 2409.12191, section 2.2). The JSON form, of Qwen2.5-VL (arXiv 2502.13923) and
Qwen3-VL, holds ``"bbox_2d": [x1, y1, x2, y2]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trainable.boxes import UNITS, Box, fault_of

REF_START, REF_END = "<|object_ref_start|>", "<|object_ref_end|>"
BOX_START, BOX_END = "<|box_start|>", "<|box_end|>"
BOX_KEY = '"bbox_2d"'

_NATIVE = re.compile(
    re.escape(BOX_START) + r",\s*".join([r"\(\s*([0-9]{1,4})\s*,\s*([0-9]{1,4})\s*\)"] * 2) + re.escape(BOX_END)
)

POINT = re.compile(re.escape(BOX_START) + r"\(\s*[0-9]{1,4}\s*,\s*[0-9]{1,4}\s*\)" + re.escape(BOX_END))
"""A single point in the native form, as GUI agents write it; it is text here, no box."""

_JSON = re.compile(BOX_KEY + r"\s*:\s*(\[\s*([0-9]{1,4})" + r"\s*,\s*([0-9]{1,4})" * 3 + r"\s*\])")

_TOKENS = re.compile("(" + "|".join(map(re.escape, (REF_START, REF_END, BOX_START, BOX_END))) + ")")


@dataclass(frozen=True)
class BoxSpan:
    """A box found in a text.

    Attributes:
        box_1000: Its corners, as written.
        start: First character of the span, ``<|box_start|>`` or ``[`` included.
        end: One past the last character, ``<|box_end|>`` or ``]`` included.
        numbers: Start and end of the four numbers, in the text's characters.

    """

    box_1000: Box
    start: int
    end: int
    numbers: tuple[tuple[int, int], ...]


def box_text(box_1000: Box) -> str:
    """Write one box in the native form, whole units."""
    x1, y1, x2, y2 = (round(value) for value in box_1000)
    return f"{BOX_START}({x1},{y1}),({x2},{y2}){BOX_END}"


def box_list(box_1000: Box) -> str:
    """Write one box as the list that follows ``"bbox_2d":`` in JSON, whole units."""
    return f"[{', '.join(str(round(value)) for value in box_1000)}]"


def reference_text(phrase: str, box_1000: Box) -> str:
    """Write a phrase and its box in the native form."""
    return f"{REF_START}{phrase}{REF_END}{box_text(box_1000)}"


def find_boxes(text: str) -> list[BoxSpan]:
    """Find every well-formed box of either form, in order; coordinates are not judged."""
    spans = [_span(match, group=0) for match in _NATIVE.finditer(text)]
    spans += [_span(match, group=1) for match in _JSON.finditer(text)]
    return sorted(spans, key=lambda span: span.start)


def _span(match: re.Match[str], *, group: int) -> BoxSpan:
    numbers = range(group + 1, group + 5)
    return BoxSpan(
        box_1000=Box(*(float(match[number]) for number in numbers)),
        start=match.start(group),
        end=match.end(group),
        numbers=tuple(match.span(number) for number in numbers),
    )


def markup_pieces(text: str) -> Iterator[tuple[int, str, bool]]:
    """Split an answer at the four native tokens.

    Yields:
        Start in the text, the piece, and whether it is a native token; joined, the pieces are the text.

    """
    start = 0
    for piece in _TOKENS.split(text):
        if piece:
            yield start, piece, piece in (REF_START, REF_END, BOX_START, BOX_END)
        start += len(piece)


def parse_answer(text: str) -> Box | None:
    """Read the first box of a generated answer.

    Returns:
        The box, or ``None`` if there is none or it is impossible (out of 0–1000, no area): a parse failure.

    """
    spans = find_boxes(text)
    if not spans or fault_of(spans[0].box_1000, width=UNITS, height=UNITS):
        return None
    return spans[0].box_1000
