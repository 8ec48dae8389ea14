"""Many questions about one picture in one row.

All questions of a row share the tokens up to the picture. Each sees those and itself, at the positions that it would
have alone, so that the model learns from exactly the rows that it will meet, at a fraction of the cost.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainable.data.scene_questions import (
    SceneQuestion,
    colour_question,
    count_question,
    describe_question,
    echo_question,
    echo_text,
    locate_question,
)
from trainable.data.scenes import Scene
from trainable.model.tiny_training.pictures import CELLS

_BOX_WEIGHT = 1.5
_COUNT_SHARE, _DESCRIBE_SHARE, _ECHO_SHARE = 0.3, 0.6, 0.3


@dataclass(frozen=True)
class Packed:
    """A batch of ``b`` rows, padded to ``n`` tokens.

    Attributes:
        ids: Tokens, of shape ``[b, n]``.
        positions: Time, height and width, of shape ``[3, b, n]``.
        mask: 0 where a token may look and minus infinity elsewhere, of shape ``[b, 1, n, n]``.
        keep: Positions that predict a supervised token, of shape ``[b, n]``.
        labels: Those tokens, of shape ``[k]``.
        weights: Their weights, of shape ``[k]``.

    """

    ids: Tensor
    positions: Tensor
    mask: Tensor
    keep: Tensor
    labels: Tensor
    weights: Tensor


def training_questions(scene: Scene, rng: random.Random) -> list[tuple[str, str]]:
    """Draw what a training row asks: every place and one colour always, the rest now and then."""
    asked: list[SceneQuestion] = [locate_question(shape) for shape in scene.shapes]
    asked.append(colour_question(rng.choice(scene.shapes), domain="base"))
    if rng.random() < _COUNT_SHARE:
        asked.append(count_question(scene))
    if rng.random() < _DESCRIBE_SHARE:
        asked.append(describe_question(scene, domain="base"))
    pairs = [(question.question, question.answer) for question in asked]
    if rng.random() < _ECHO_SHARE:
        text = echo_text(rng)
        pairs.append((echo_question(text), text))
    return pairs


class Packer:
    """Packs with one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._encode = tokenizer.backend_tokenizer.encode
        self._pad = tokenizer.pad_token_id
        self._image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self._box = tokenizer.convert_tokens_to_ids("<|box_start|>"), tokenizer.convert_tokens_to_ids("<|box_end|>")
        picture = "<|vision_start|>" + "<|image_pad|>" * CELLS * CELLS + "<|vision_end|>"
        system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        self._start = self._ids(f"{system}<|im_start|>user\n{picture}")
        self._ask = self._ids("<|im_end|>\n<|im_start|>assistant\n")
        self._end = self._ids("<|im_end|>")

    def _ids(self, text: str) -> list[int]:
        return self._encode(text, add_special_tokens=False).ids

    def pack(self, rows: Sequence[Sequence[tuple[str, str]]]) -> Packed:
        """Pack the questions and answers of one picture into each row."""
        made = [self._row(row) for row in rows]
        length = max(len(ids) for ids, *_ in made)
        table = torch.zeros((6, len(rows), length), dtype=torch.int64)
        table[0], table[1] = self._pad, -1
        weights = torch.zeros((len(rows), length))
        for index, (ids, segments, places, weight) in enumerate(made):
            table[0, index, : len(ids)] = torch.tensor(ids)
            table[1, index, : len(ids)] = torch.tensor(segments)
            table[2:5, index, : len(ids)] = torch.tensor(places).T
            weights[index, : len(ids)] = torch.tensor(weight)
        ids, segments = table[0], table[1]
        keep = torch.cat([weights[:, 1:] > 0, torch.zeros((len(rows), 1), dtype=torch.bool)], dim=1)
        chosen = weights[:, 1:] > 0
        return Packed(ids, table[2:5], _mask(segments), keep, ids[:, 1:][chosen], weights[:, 1:][chosen])

    def _row(
        self, pairs: Sequence[tuple[str, str]]
    ) -> tuple[list[int], list[int], list[tuple[int, int, int]], list[float]]:
        """Give ids, segments (0 is shared), positions and weights of one row."""
        ids = list(self._start)
        places = self._start_places()
        segments, weights = [0] * len(ids), [0.0] * len(ids)
        next_place = places[-1][0] + 1
        for number, (question, answer) in enumerate(pairs, start=1):
            prompt = self._ids(question) + self._ask
            reply = self._ids(answer) + self._end
            ids += prompt + reply
            segments += [number] * (len(prompt) + len(reply))
            places += [(place, place, place) for place in range(next_place, next_place + len(prompt) + len(reply))]
            weights += [0.0] * len(prompt) + self._weights(reply)
        return ids, segments, places, weights

    def _start_places(self) -> list[tuple[int, int, int]]:
        before = self._start.index(self._image)
        places = [(place, place, place) for place in range(before)]
        places += [(before, before + cell // CELLS, before + cell % CELLS) for cell in range(CELLS * CELLS)]
        after = before + CELLS
        return [*places, (after, after, after)]

    def _weights(self, reply: Sequence[int]) -> list[float]:
        if self._box[0] not in reply:
            return [1.0] * len(reply)
        start, end = reply.index(self._box[0]), reply.index(self._box[1])
        return [_BOX_WEIGHT if start < place < end else 1.0 for place in range(len(reply))]


def _mask(segments: Tensor) -> Tensor:
    length = segments.shape[1]
    causal = torch.ones((length, length), dtype=torch.bool).tril()
    shared = (segments == 0)[:, None, :] | (segments[:, :, None] == segments[:, None, :])
    allowed = causal[None] & shared
    return torch.zeros(allowed.shape).masked_fill(~allowed, float("-inf"))[:, None]
