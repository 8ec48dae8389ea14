"""A record as tokens: Qwen2-VL's chat template, turn by turn, with the role of every token.

``apply_chat_template`` can't say which tokens are the assistant's (the published template has no generation marks), and
would turn special tokens written by a user into real ones; hence an own renderer. It equals the template on every text
without such tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from trainable.data.records import IMAGE_TAG, Record, Turn
from trainable.errors import DataError
from trainable.markup import BoxSpan, find_boxes, markup_pieces
from trainable.model.load import TokenIds

DEFAULT_SYSTEM = "You are a helpful assistant."

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
        boxes_1000: Those boxes, flattened to four numbers each.
        prompt_length: Number of tokens before the last answer: what generation starts from.

    """

    ids: tuple[int, ...]
    roles: tuple[int, ...]
    digits: tuple[Digit, ...]
    boxes_1000: tuple[float, ...]
    prompt_length: int


class _Builder:
    """Collects tokens; neighbouring texts are joined before they are tokenised, as the template's string would be."""

    def __init__(self, tokenizer: Any, ids: TokenIds) -> None:
        self.tokenizer, self.special = tokenizer, ids
        self.ids: list[int] = []
        self.roles: list[int] = []
        self.digits: list[Digit] = []
        self.boxes_1000: list[float] = []
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

    def answer(self, answer: str) -> None:
        """Add an answer and its end, supervised; native tokens in it are real ones."""
        self.flush()
        spans = find_boxes(answer)
        first_box = len(self.boxes_1000) // 4
        for span in spans:
            self.boxes_1000.extend(span.box_1000)
        for start, piece, is_token in markup_pieces(answer):
            if is_token:
                self.token(self.special.markup[piece], role=_role(spans, start, start + len(piece)))
                continue
            for token, first, last in self._encode(piece):
                self._note_digit(piece[first:last], start + first, spans, first_box)
                self.ids.append(token)
                self.roles.append(_role(spans, start + first, start + last))
        self.token(self.special.im_end, role=TEXT)

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


def render(record: Record, *, image_tokens: Sequence[int], tokenizer: Any, ids: TokenIds) -> Row:
    """Turn a record into tokens.

    Args:
        record: Its ``<image>`` tags stand for its images, in order.
        image_tokens: Number of tokens of each image.
        tokenizer: A Qwen2-VL tokenizer.
        ids: Its special tokens.

    Returns:
        The row; all answers and their ``<|im_end|>`` are supervised, nothing else.

    Raises:
        DataError: If tags and images differ in number, or nothing is supervised.

    """
    tags = sum(turn.question.count(IMAGE_TAG) for turn in record.turns)
    if tags != len(image_tokens):
        raise DataError(f"{record.id}: {tags} {IMAGE_TAG} tags but {len(image_tokens)} images")
    builder = _Builder(tokenizer, ids)
    counts = iter(image_tokens)
    _speak(builder, "system", record.system or DEFAULT_SYSTEM)
    prompt_length = 0
    for turn in record.turns:
        _ask(builder, turn, counts)
        builder.token(ids.im_start)
        builder.text("assistant\n")
        builder.flush()  # generation starts from a prompt that ends here, so the answer is tokenised apart
        prompt_length = len(builder.ids)
        builder.answer(turn.answer)
        builder.text("\n")
    builder.flush()
    if not any(builder.roles):
        raise DataError(f"{record.id}: no token is supervised")
    return Row(
        tuple(builder.ids), tuple(builder.roles), tuple(builder.digits), tuple(builder.boxes_1000), prompt_length
    )


def _speak(builder: _Builder, role: Literal["system", "user"], text: str) -> None:
    builder.token(builder.special.im_start)
    builder.text(f"{role}\n{text}")
    builder.token(builder.special.im_end)
    builder.text("\n")


def _ask(builder: _Builder, turn: Turn, counts: Any) -> None:
    special = builder.special
    builder.token(special.im_start)
    builder.text("user\n")
    for index, piece in enumerate(turn.question.split(IMAGE_TAG)):
        if index:
            builder.token(special.vision_start)
            builder.token(special.image_pad, times=next(counts))
            builder.token(special.vision_end)
        builder.text(piece)
    builder.token(special.im_end)
    builder.text("\n")
