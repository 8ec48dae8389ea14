"""Boxes to and from the text that Qwen2-VL and its successors read and write.

The native form is ``<|object_ref_start|>PHRASE<|object_ref_end|><|box_start|>(x1,y1),(x2,y2)<|box_end|>`` with
coordinates in 0–1000 (Qwen2-VL, arXiv 2409.12191, section 2.2). The JSON form, of Qwen2.5-VL (arXiv 2502.13923) and
Qwen3-VL, holds ``"bbox_2d": [x1, y1, x2, y2]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trainable.boxes import Box

REF_START, REF_END = "<|object_ref_start|>", "<|object_ref_end|>"
BOX_START, BOX_END = "<|box_start|>", "<|box_end|>"
BOX_KEY = '"bbox_2d"'

_WHOLE, _ANY = r"[0-9]{1,4}", r"-?[0-9]{1,9}(?:\.[0-9]{1,20})?"


def _native(number: str) -> re.Pattern[str]:
    corner = rf"\(\s*({number})\s*,\s*({number})\s*\)"
    return re.compile(re.escape(BOX_START) + rf"{corner},\s*{corner}" + re.escape(BOX_END))


def _json(number: str) -> re.Pattern[str]:
    return re.compile(BOX_KEY + rf"\s*:\s*(\[\s*({number})" + rf"\s*,\s*({number})" * 3 + r"\s*\])")


NATIVE_BOX = _native(_WHOLE)
"""A box in the native form; four groups hold its numbers."""

_JSON_BOX, _NATIVE_OF_ANY, _JSON_OF_ANY = _json(_WHOLE), _native(_ANY), _json(_ANY)

POINT = re.compile(re.escape(BOX_START) + r"\(\s*[0-9]{1,4}\s*,\s*[0-9]{1,4}\s*\)" + re.escape(BOX_END))
"""A single point in the native form, as GUI agents write it; it is text here, no box."""

_TOKENS = re.compile("(" + "|".join(map(re.escape, (REF_START, REF_END, BOX_START, BOX_END))) + ")")


@dataclass(frozen=True)
class BoxSpan:
    """A box found in a text.

    Attributes:
        box: Its corners, as written.
        start: First character of the span, ``<|box_start|>`` or ``[`` included.
        end: One past the last character, ``<|box_end|>`` or ``]`` included.
        numbers: Start and end of the four numbers, in the text's characters.

    """

    box: Box
    start: int
    end: int
    numbers: tuple[tuple[int, int], ...]


def box_text(box: Box) -> str:
    """Write one box in the native form, whole units."""
    x1, y1, x2, y2 = (round(value) for value in box)
    return f"{BOX_START}({x1},{y1}),({x2},{y2}){BOX_END}"


def point_text(x: float, y: float) -> str:
    """Write one point in the native form, whole units."""
    return f"{BOX_START}({round(x)},{round(y)}){BOX_END}"


def box_list(box: Box) -> str:
    """Write one box as the list that follows ``"bbox_2d":`` in JSON, whole units."""
    return f"[{', '.join(str(round(value)) for value in box)}]"


def reference_text(phrase: str, box_1000: Box) -> str:
    """Write a phrase and its box in the native form."""
    return f"{REF_START}{phrase}{REF_END}{box_text(box_1000)}"


def find_boxes(text: str, *, is_whole: bool = True) -> list[BoxSpan]:
    """Find every well-formed box of either form, in order; coordinates are not judged.

    Args:
        text: Of an answer.
        is_whole: Whether numbers have one to four digits, as models write them; else also signs and fractions count.

    """
    native, json = (NATIVE_BOX, _JSON_BOX) if is_whole else (_NATIVE_OF_ANY, _JSON_OF_ANY)
    spans = [_span(match, group=0) for match in native.finditer(text)]
    spans += [_span(match, group=1) for match in json.finditer(text)]
    return sorted(spans, key=lambda span: span.start)


def with_numbers(text: str, spans: Sequence[BoxSpan], boxes: Sequence[Box]) -> str:
    """Put other numbers, in whole units, in place of those of boxes that were found in a text; all else stays.

    Args:
        text: Where they were found.
        spans: The boxes, in order.
        boxes: What to write instead of each.

    """
    done, at = "", 0
    for span, box in zip(spans, boxes, strict=True):
        for (start, end), value in zip(span.numbers, box, strict=True):
            done += text[at:start] + str(round(value))
            at = end
    return done + text[at:]


def _span(match: re.Match[str], *, group: int) -> BoxSpan:
    numbers = range(group + 1, group + 5)
    return BoxSpan(
        box=Box(*(float(match[number]) for number in numbers)),
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
