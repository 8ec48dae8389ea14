"""Rows to padded tensors, and what the loss terms need to know about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainable.data.render import BOX, Row
from trainable.model.load import Base, Pixels
from trainable.model.vision_cache import Features, encoder_outputs


@dataclass(frozen=True)
class Example:
    """One record ready for batching.

    Attributes:
        row: Its tokens.
        images: What the vision tower made of its images, or what it would take.
        positions: Rotary positions in time, height and width, int32, of shape ``[3, n]``; the model finds them if
            absent.
        hidden: What enters the layer ``depth``, of shape ``[n, hidden]``, in place of images; absent if that is 0.
        depth: The layer at which training starts.

    """

    row: Row
    images: tuple[Features, ...] | tuple[Pixels, ...]
    positions: Tensor | None = None
    hidden: Tensor | None = None
    depth: int = 0


@dataclass(frozen=True)
class Targets:
    """What is supervised in a batch: ``k`` tokens, ``d`` box digits among them, ``m`` boxes.

    Attributes:
        labels: Token ids, int64, of shape ``[k]``.
        in_box: Whether each lies in a box, bool, of shape ``[k]``.
        rows: Index in the batch of each one's row, int64, of shape ``[k]``.
        digit_rows: Index among the ``k`` tokens of each digit, int64, of shape ``[d]``.
        digit_values: 0–9, int64, of shape ``[d]``.
        digit_places: 1, 10, 100 or 1000, float32, of shape ``[d]``.
        digit_corners: Index among the ``4 * m`` coordinates of each digit, int64, of shape ``[d]``.
        boxes: True corners as they are written, float32, of shape ``[m, 4]``.
        extents: The number that the edge of the image has for each: 1000, or pixels, float32, of the same shape.
        digit_ids: Vocabulary ids of the digits 0 to 9, int64, of shape ``[10]``.

    """

    labels: Tensor
    in_box: Tensor
    rows: Tensor
    digit_rows: Tensor
    digit_values: Tensor
    digit_places: Tensor
    digit_corners: Tensor
    boxes: Tensor
    extents: Tensor
    digit_ids: Tensor


@dataclass(frozen=True)
class Batch:
    """A right-padded training batch.

    Attributes:
        inputs: Keyword arguments of the model's ``forward``, without labels.
        keep: Positions whose logits predict a supervised token, bool, of shape ``[b, n]``.
        targets: In the order in which ``keep`` selects.
        depth: The layer that the inputs enter, see ``model.prefix_cache.upper_layers``.

    """

    inputs: dict[str, Any]
    keep: Tensor
    targets: Targets
    depth: int = 0


def collate(examples: Sequence[Example], base: Base) -> Batch:
    """Pad examples to one length and mark what is supervised."""
    rows = [example.row for example in examples]
    length = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), length), base.ids.pad)
    roles = torch.zeros((len(rows), length), dtype=torch.int64)
    mask = torch.zeros((len(rows), length), dtype=torch.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        roles[index, : len(row.ids)] = torch.tensor(row.roles)
        mask[index, : len(row.ids)] = 1
    supervised = roles[:, 1:] > 0  # the logits at t - 1 predict the token at t; a row never starts with an answer
    keep = torch.cat([supervised, torch.zeros((len(rows), 1), dtype=torch.bool)], dim=1)
    targets = _targets(rows, ids[:, 1:][supervised], roles[:, 1:][supervised] == BOX, keep, base)
    (depth,) = {example.depth for example in examples}
    if depth:
        inputs = {
            "inputs_embeds": _padded_hidden(examples, length).to(base.device),
            "attention_mask": mask.to(base.device),
        }
    else:
        inputs = model_inputs(ids, mask, [image for example in examples for image in example.images], base)
    if (positions := _padded_positions(examples, length)) is not None:
        inputs["position_ids"] = positions.to(base.device)
    return Batch(
        inputs=inputs,
        keep=keep.to(base.device),
        targets=targets,
        depth=depth,
    )


def _padded_hidden(examples: Sequence[Example], length: int) -> Tensor:
    first = examples[0].hidden
    assert first is not None
    padded = first.new_zeros((len(examples), length, first.shape[1]))
    for index, example in enumerate(examples):
        assert example.hidden is not None
        padded[index, : len(example.hidden)] = example.hidden
    return padded


def _padded_positions(examples: Sequence[Example], length: int) -> Tensor | None:
    """Pad positions on the right as transformers does, with zeros; ``None`` unless all rows have them."""
    padded = torch.zeros((3, len(examples), length), dtype=torch.int64)
    for index, example in enumerate(examples):
        if example.positions is None:
            return None
        if example.positions.shape[1] != len(example.row.ids):
            raise ValueError(f"a row of {len(example.row.ids)} tokens has {example.positions.shape[1]} positions")
        padded[:, index, : len(example.row.ids)] = example.positions
    return padded


def collate_prompts(examples: Sequence[Example], base: Base) -> dict[str, Any]:
    """Pad the prompts of the last answers on the left, for generation."""
    prompts = [example.row.ids[: example.row.prompt_length] for example in examples]
    length = max(map(len, prompts))
    ids = torch.tensor([[base.ids.pad] * (length - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return model_inputs(ids, mask, [image for example in examples for image in example.images], base)


def model_inputs(ids: Tensor, mask: Tensor, images: Sequence[Features | Pixels], base: Base) -> dict[str, Any]:
    """Assemble what ``forward`` and ``generate`` take.

    Without ``mm_token_type_ids`` generation would fall back to one-dimensional positions, and without pixels it would
    run on the raw placeholder embeddings, both silently; hence the check.

    Raises:
        ValueError: If placeholders and image tokens differ in number, or some images are encoded and others not.

    """
    places = ids == base.ids.image_pad
    expected = sum(image.tokens for image in images)
    if int(places.sum()) != expected:
        raise ValueError(f"{int(places.sum())} image placeholders but {expected} image tokens")
    inputs = {"input_ids": ids, "attention_mask": mask, "mm_token_type_ids": places.to(torch.int32)}
    features = [image for image in images if isinstance(image, Features)]
    pixels = [image for image in images if isinstance(image, Pixels)]
    if features and pixels:
        raise ValueError(f"{len(features)} images are encoded and {len(pixels)} are not")
    if images:
        inputs["image_grid_thw"] = torch.tensor([image.grid for image in images])
    if pixels:
        inputs["pixel_values"] = torch.cat([image.values for image in pixels])
    moved: dict[str, Any] = {name: value.to(base.device) for name, value in inputs.items()}
    if features:
        moved["mm_encoder_outputs"] = encoder_outputs(features, base.device)
    return moved


def _targets(rows: Sequence[Row], labels: Tensor, in_box: Tensor, keep: Tensor, base: Base) -> Targets:
    order = torch.full(keep.shape, -1, dtype=torch.int64)
    order[keep] = torch.arange(int(keep.sum()))
    digit_rows: list[int] = []
    digits: list[tuple[int, int, int]] = []
    boxes: list[float] = []
    extents: list[float] = []
    for index, row in enumerate(rows):
        first_box = len(boxes) // 4
        for digit in row.digits:
            digit_rows.append(int(order[index, digit.position - 1]))
            digits.append((digit.value, digit.place, (first_box + digit.box) * 4 + digit.corner))
        boxes.extend(row.boxes)
        extents.extend(value for width, height in row.extents for value in (width, height, width, height))
    table = torch.tensor(digits, dtype=torch.int64).reshape(-1, 3)
    device = base.device
    return Targets(
        labels=labels.to(device),
        in_box=in_box.to(device),
        rows=keep.nonzero()[:, 0].to(device),
        digit_rows=torch.tensor(digit_rows, dtype=torch.int64, device=device),
        digit_values=table[:, 0].to(device),
        digit_places=table[:, 1].float().to(device),
        digit_corners=table[:, 2].to(device),
        boxes=torch.tensor(boxes, dtype=torch.float32, device=device).reshape(-1, 4),
        extents=torch.tensor(extents, dtype=torch.float32, device=device).reshape(-1, 4),
        digit_ids=torch.tensor(base.ids.digits, device=device),
    )
