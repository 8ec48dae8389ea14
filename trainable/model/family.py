"""What differs between Qwen2-VL and its successors: how boxes are written, in which units, and how images are cut.

Qwen2-VL: arXiv 2409.12191, section 2.2; Qwen2.5-VL: arXiv 2502.13923, section 2.1; Qwen3-VL: arXiv 2511.21631.
The units were confirmed by their authors' converters and threads (QwenLM/Qwen3-VL#721, #866, #1161).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from trainable.boxes import UNITS, Box, Size, fault_of, rounded, scaled
from trainable.data.records import PlacedBox, Turn
from trainable.errors import ModelError
from trainable.markup import BOX_START, NATIVE_BOX, POINT, REF_END, REF_START, box_list, find_boxes, with_numbers

LARGEST_COORDINATE = 9999
"""The losses read numbers of at most four digits."""

_GROUP = re.compile(
    f"(?:{re.escape(REF_START)}(?P<phrase>.*?){re.escape(REF_END)})?(?P<boxes>(?:{NATIVE_BOX.pattern})+)", re.DOTALL
)
_BARE_PHRASE = re.compile(f"{re.escape(REF_START)}(.*?){re.escape(REF_END)}", re.DOTALL)
_BETWEEN = re.compile(r"[\s,;.]*")


@dataclass(frozen=True)
class Family:
    """How one family of models writes boxes.

    Attributes:
        name: For people.
        notation: ``native`` tokens, or ``json`` with the key ``bbox_2d``.
        unit: ``thousandths`` of the image, or pixels of the ``resized`` image.
        factor: Sides of a resized image are multiples of so many pixels.

    """

    name: str
    notation: Literal["native", "json"]
    unit: Literal["thousandths", "resized"]
    factor: int

    def extent(self, resized: Size) -> Size:
        """Give the numbers that the right and the lower edge of an image have.

        Args:
            resized: Width and height of the image as the vision tower takes it, in pixels.

        """
        return (UNITS, UNITS) if self.unit == "thousandths" else resized

    def written(self, box_1000: Box, resized: Size) -> Box:
        """Express a box in the family's units, as whole numbers.

        Args:
            box_1000: In thousandths, not rounded.
            resized: Width and height of its image as the vision tower takes it, in pixels.

        """
        return rounded(scaled(box_1000, (UNITS, UNITS), self.extent(resized)))

    def boxes_in(self, answer: str, resized: Size) -> tuple[Box, ...]:
        """Read the possible boxes of a generated answer.

        Args:
            answer: As generated.
            resized: Width and height of its image as the vision tower takes it, in pixels.

        Returns:
            Boxes in thousandths, in order; those that leave the image or have no area are left out.

        """
        width, height = self.extent(resized)
        boxes = [span.box for span in find_boxes(answer)]
        possible = [box for box in boxes if fault_of(box, width=width, height=height) is None]
        return tuple(scaled(box, (width, height), (UNITS, UNITS)) for box in possible)

    def answer(self, turn: Turn, resized: Sequence[Size]) -> str:
        """Write an answer as the family does.

        Args:
            turn: Its boxes in the native form or as ``"bbox_2d": [x1, y1, x2, y2]``, in thousandths.
            resized: Sizes of the record's images as the vision tower takes them.

        Returns:
            The answer with every box in the family's units; native references as JSON where the family writes that:
            as one fenced list if the answer holds nothing else.

        """
        spans = find_boxes(turn.answer)
        boxes = turn.boxes or tuple(PlacedBox(span.box) for span in spans)
        numbers = [self.written(one.box_1000, resized[one.image]) if resized else one.box_1000 for one in boxes]
        text = with_numbers(turn.answer, spans, numbers)
        if self.notation == "native" or BOX_START not in text:
            return text
        width, height = self.extent(resized[0]) if resized else (UNITS, UNITS)
        return _as_json(POINT.sub(lambda point: _json_point(point[0], width / UNITS, height / UNITS), text))

    def question(self, turn: Turn, resized: Sequence[Size]) -> tuple[str, tuple[tuple[int, int], ...]]:
        """Write a question as the family does, and say which spans of it are the model's own tokens.

        Boxes stand in a question only where a data set's placeholders put them, in thousandths of the first image.
        """
        if self.notation == "native" or not turn.markup:
            return turn.question, turn.markup
        spans = find_boxes(turn.question)
        text = with_numbers(turn.question, spans, [self.written(span.box, resized[0]) for span in spans])
        return _BARE_PHRASE.sub(r"\1", NATIVE_BOX.sub(lambda box: _json_box(box[0]), text)), ()


FAMILIES: Mapping[str, Family] = {
    "qwen2_vl": Family("Qwen2-VL", "native", "thousandths", 28),
    "qwen2_5_vl": Family("Qwen2.5-VL", "json", "resized", 28),
    "qwen3_vl": Family("Qwen3-VL", "json", "thousandths", 32),
}
"""By the ``model_type`` of a checkpoint's configuration."""


def family_of(model_type: object, *, path: str) -> Family:
    """Find the family of a checkpoint.

    Raises:
        ModelError: If it is of another kind.

    """
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise ModelError(f"{path!r} is a {model_type}; paretune trains {', '.join(FAMILIES)} models")
    return FAMILIES[model_type]


def largest_fault(boxes: Sequence[Box]) -> str | None:
    """Say why numbers can't be read digit by digit, or give ``None``."""
    largest = max((value for box in boxes for value in box), default=0)
    return (
        f"a box has the coordinate {largest:.0f}; at most {LARGEST_COORDINATE} is read"
        if largest > LARGEST_COORDINATE
        else None
    )


def _as_json(text: str) -> str:
    """Write native references and boxes as JSON objects."""
    groups = list(_GROUP.finditer(text))
    borders = [0, *(border for match in groups for border in match.span()), len(text)]
    rest = [text[start:end] for start, end in list(pairwise(borders))[::2]]
    objects = [_objects(match) for match in groups]
    if all(_BETWEEN.fullmatch(piece) for piece in rest):
        listed = ",\n".join(f"\t{one}" for group in objects for one in group)
        return f"```json\n[\n{listed}\n]\n```"
    inline = [", ".join(group) for group in objects]
    joined = rest[0] + "".join(part for pair in zip(inline, rest[1:], strict=True) for part in pair)
    return _BARE_PHRASE.sub(r"\1", joined)


def _objects(match: re.Match[str]) -> list[str]:
    phrase = match["phrase"]
    label = "" if phrase is None else f', "label": {json.dumps(phrase, ensure_ascii=False)}'
    return [f'{{"bbox_2d": {_json_box(box[0])}{label}}}' for box in NATIVE_BOX.finditer(match["boxes"])]


def _json_point(native: str, wide: float, high: float) -> str:
    x, y = (int(number) for number in re.findall(r"[0-9]+", native))
    return f'{{"point_2d": [{round(x * wide)}, {round(y * high)}]}}'


def _json_box(native: str) -> str:
    return box_list(find_boxes(native)[0].box)
