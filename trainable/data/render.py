"""A record as tokens: the chat template of Qwen's models, turn by turn, with the role of every token.

``apply_chat_template`` can't say which tokens are the assistant's (the published template has no generation marks), and
would turn special tokens written by a user into real ones; hence an own renderer. It equals the template on every text
without such tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from trainable.boxes import Box, Size
from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.errors import DataError
from trainable.markup import BoxSpan, find_boxes, markup_pieces
from trainable.model.family import largest_fault
from trainable.model.load import Processor

PROMPT, TEXT, BOX = 0, 1, 2
"""Roles of a token: not supervised, supervised outside boxes, supervised inside a box."""


@dataclass(frozen=True)
class Digit:
    """One digit token of a box.

    Attributes:
        position: Its index in the row's tokens.
        value: 0–9.
        place: 1, 10, 100 or 1000.
        box: Index of its box in the row.
        corner: 0–3 for ``x1, y1, x2, y2``.

    """

    position: int
    value: int
    place: int
    box: int
    corner: int


@dataclass(frozen=True)
class Row:
    """A record as tokens.

    Attributes:
        ids: Token ids, of length ``n``.
        roles: ``PROMPT``, ``TEXT`` or ``BOX`` for each token.
        digits: Digits of the boxes in supervised answers.
        boxes: Those boxes as they are written, flattened to four numbers each.
        extents: The numbers that the edges of their images have: width and height for each box.
        prompt_length: Number of tokens before the last answer: what generation starts from.

    """

    ids: tuple[int, ...]
    roles: tuple[int, ...]
    digits: tuple[Digit, ...]
    boxes: tuple[float, ...]
    extents: tuple[Size, ...]
    prompt_length: int


class _Builder:
    """Collects tokens; neighbouring texts are joined before they are tokenised, as the template's string would be."""

    def __init__(self, processor: Processor) -> None:
        self.tokenizer, self.special = processor.tokenizer, processor.ids
        self.ids: list[int] = []
        self.roles: list[int] = []
        self.digits: list[Digit] = []
        self.boxes: list[Box] = []
        self.extents: list[Size] = []
        self._pending = ""

    def text(self, text: str) -> None:
        self._pending += text

    def token(self, token: int, *, role: int = PROMPT, times: int = 1) -> None:
        self.flush()
        self.ids.extend([token] * times)
        self.roles.extend([role] * times)

    def flush(self) -> None:
        """Tokenise the pending prompt text."""
        for token, _, _ in self._encode(self._pending):
            self.ids.append(token)
            self.roles.append(PROMPT)
        self._pending = ""

    def answer(self, answer: str, extents: Sequence[Size], *, is_supervised: bool) -> None:
        """Add an answer and its end; native tokens in it are real ones."""
        self.flush()
        spans = find_boxes(answer) if is_supervised else []
        first_box = len(self.boxes)
        self.boxes.extend(span.box for span in spans)
        self.extents.extend(extents[: len(spans)])
        for start, piece, is_token in markup_pieces(answer):
            if is_token:
                role = _role(spans, start, start + len(piece)) if is_supervised else PROMPT
                self.token(self.special.markup[piece], role=role)
                continue
            for token, first, last in self._encode(piece):
                self._note_digit(piece[first:last], start + first, spans, first_box)
                self.ids.append(token)
                self.roles.append(_role(spans, start + first, start + last) if is_supervised else PROMPT)
        self.token(self.special.im_end, role=TEXT if is_supervised else PROMPT)

    def _encode(self, text: str) -> list[tuple[int, int, int]]:
        """Give token, first character and one past the last; special tokens in the text stay plain text."""
        if not text:
            return []
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
        return [(token, *span) for token, span in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)]

    def _note_digit(self, text: str, begin: int, spans: Sequence[BoxSpan], first_box: int) -> None:
        for index, span in enumerate(spans):
            for corner, (start, end) in enumerate(span.numbers):
                if start <= begin < end:
                    if len(text) != 1:
                        raise DataError(f"digits share the token {text!r}; a Qwen2-VL tokenizer keeps them apart")
                    place = 10 ** (end - 1 - begin)
                    self.digits.append(Digit(len(self.ids), int(text), place, first_box + index, corner))


def _role(spans: Sequence[BoxSpan], start: int, end: int) -> int:
    return BOX if any(span.start <= start and end <= span.end for span in spans) else TEXT


def render(record: Record, processor: Processor) -> Row:
    """Turn a record into tokens.

    Args:
        record: Its ``<image>`` tags stand for its images, in order.
        processor: Of the model that is trained; its family decides how boxes are written.

    Returns:
        The row; supervised are the answers that are trained on and their ``<|im_end|>``, nothing else.

    Raises:
        DataError: If tags and images differ in number, nothing is supervised, a box has a number of more than four
            digits, or the processor refuses an image.

    """
    tags = sum(turn.question.count(IMAGE_TAG) for turn in record.turns)
    if tags != len(record.images):
        raise DataError(f"{record.words}: {tags} {IMAGE_TAG} tags but {len(record.images)} images")
    resized = [processor.resized(image.size) for image in record.images]
    builder = _Builder(processor)
    counts = iter([processor.tokens(image.size) for image in record.images])
    system = record.system or processor.default_system
    if system is not None:
        _say(builder, "system", system)
    prompt_length = 0
    for turn in record.turns:
        if turn.is_asked:
            _ask(builder, *processor.family.question(turn, resized), counts)
        builder.token(builder.special.im_start)
        builder.text("assistant\n")
        builder.flush()  # generation starts from a prompt that ends here, so the answer is tokenised apart
        prompt_length = len(builder.ids)
        extents = _extents(turn, resized, processor)
        builder.answer(processor.family.answer(turn, resized), extents, is_supervised=turn.is_supervised)
        builder.text("\n")
    builder.flush()
    if not any(builder.roles):
        raise DataError(f"{record.words}: no token is supervised")
    if fault := largest_fault(builder.boxes):
        raise DataError(f"{record.words}: {fault}")
    numbers = tuple(value for box in builder.boxes for value in box)
    return Row(
        tuple(builder.ids),
        tuple(builder.roles),
        tuple(builder.digits),
        numbers,
        tuple(builder.extents),
        prompt_length,
    )


def _extents(turn: Turn, resized: Sequence[Size], processor: Processor) -> list[Size]:
    """Give, for every box of an answer, the numbers that the edges of its image have."""
    images = [box.image for box in turn.boxes] or [0] * len(find_boxes(turn.answer))
    return [processor.family.extent(resized[image] if resized else (0, 0)) for image in images]


def _say(builder: _Builder, role: Literal["system"], text: str) -> None:
    builder.token(builder.special.im_start)
    builder.text(f"{role}\n{text}")
    builder.token(builder.special.im_end)
    builder.text("\n")


def _ask(builder: _Builder, question: str, markup: Sequence[tuple[int, int]], counts: Iterator[int]) -> None:
    special = builder.special
    builder.token(special.im_start)
    builder.text("user\n")
    at = 0
    for start, end, token in _tokens_of(question, markup):
        builder.text(question[at:start])
        if token == IMAGE_TAG:
            builder.token(special.vision_start)
            builder.token(special.image_pad, times=next(counts))
            builder.token(special.vision_end)
        else:
            builder.token(special.markup[token])
        at = end
    builder.text(question[at:])
    builder.token(special.im_end)
    builder.text("\n")


def _tokens_of(question: str, markup: Sequence[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """Give start, end and text of everything in a question that is no user's text: image tags, and marked tokens."""
    tags = [(match.start(), match.end(), IMAGE_TAG) for match in re.finditer(re.escape(IMAGE_TAG), question)]
    return sorted([*tags, *((start, end, question[start:end]) for start, end in markup)])
