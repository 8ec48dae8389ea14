"""What the vision tower learns first: for every image token, the shape that lies under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional

from trainable.boxes import Box
from trainable.data.scenes import LATTICE_PX, LOOKS, SHAPES, SIDE_PX, Scene, Shape
from trainable.model.tiny import WIDTH
from trainable.model.tiny_training.pictures import CELLS

COLOURS = tuple(LOOKS["base"].colours)
NAMES = LOOKS["base"].shapes
LATTICE = SIDE_PX // LATTICE_PX + 1
"""Places that a corner can take along a side."""

_CELL_PX = SIDE_PX // CELLS
_LEAST_OVERLAP = 0.08
_BLOCK_PX = 4


@dataclass(frozen=True)
class TokenTargets:
    """The shape under every image token, for ``b`` scenes of 16 tokens.

    Attributes:
        colours: Index into ``COLOURS``, or their number for background, of shape ``[b, 16]``.
        names: Index into ``NAMES``, or their number for background, of shape ``[b, 16]``.
        corners: Lattice places of ``x1, y1, x2, y2``, -100 for background, of shape ``[b, 16, 4]``.
        rgb: The shape's colour in 0–1, 0 for background, of shape ``[b, 16, 3]``.
        covered: Which blocks of 4 x 4 pixels of the cell are mostly under shapes, 0 or 1, of shape ``[b, 16, 49]``.

    """

    colours: Tensor
    names: Tensor
    corners: Tensor
    rgb: Tensor
    covered: Tensor


def token_targets(scenes: Sequence[Scene]) -> TokenTargets:
    """Assign every token the shape that covers most of its cell, or background below 8 % of it."""
    colours = torch.full((len(scenes), CELLS * CELLS), len(COLOURS))
    shapes = torch.full((len(scenes), CELLS * CELLS), len(NAMES))
    corners = torch.full((len(scenes), CELLS * CELLS, 4), -100)
    rgb = torch.zeros((len(scenes), CELLS * CELLS, 3))
    for row, scene in enumerate(scenes):
        for cell, shape in enumerate(_under_cells(scene)):
            if shape:
                colours[row, cell] = COLOURS.index(shape.colour)
                shapes[row, cell] = NAMES.index(shape.name)
                rgb[row, cell] = torch.tensor(shape.rgb) / 255
                corners[row, cell] = torch.tensor([int(corner) // LATTICE_PX for corner in shape.box_px])
    return TokenTargets(colours, shapes, corners, rgb, torch.stack([_covered(scene) for scene in scenes]))


def _covered(scene: Scene) -> Tensor:
    image = Image.new("RGB", (SIDE_PX, SIDE_PX))
    canvas = ImageDraw.Draw(image)
    for shape in scene.shapes:
        SHAPES[shape.name](canvas, shape.box_px, (255, 255, 255))
    blocks = _CELL_PX // _BLOCK_PX
    cut = np.asarray(image)[:, :, 0].reshape(CELLS, blocks, _BLOCK_PX, CELLS, blocks, _BLOCK_PX)
    return torch.from_numpy(cut.mean(axis=(2, 5)) > 127).transpose(1, 2).reshape(CELLS * CELLS, -1).float()


def _under_cells(scene: Scene) -> list[Shape | None]:
    found: list[Shape | None] = []
    for cell in range(CELLS * CELLS):
        left, top = cell % CELLS * _CELL_PX, cell // CELLS * _CELL_PX
        covered = [(_overlap(shape.box_px, left, top), index) for index, shape in enumerate(scene.shapes)]
        most, index = max(covered)
        found.append(scene.shapes[index] if most >= _LEAST_OVERLAP * _CELL_PX**2 else None)
    return found


def _overlap(box: Box, left: int, top: int) -> float:
    width = min(box.x2, left + _CELL_PX) - max(box.x1, left)
    height = min(box.y2, top + _CELL_PX) - max(box.y1, top)
    return max(width, 0.0) * max(height, 0.0)


class TokenHeads(nn.Module):
    """Linear readers of the features; thrown away after training.

    Colour and corners are also asked for as plain colours and covered blocks, so that the features say something about
    colours and forms that have no name here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.colour = nn.Linear(WIDTH, len(COLOURS) + 1)
        self.shape = nn.Linear(WIDTH, len(NAMES) + 1)
        self.corners = nn.Linear(WIDTH, 4 * LATTICE)
        self.rgb = nn.Linear(WIDTH, 3)
        self.covered = nn.Linear(WIDTH, (_CELL_PX // _BLOCK_PX) ** 2)

    def loss(self, features: Tensor, targets: TokenTargets) -> Tensor:
        """Sum the losses of all heads."""
        features = self.norm(features)
        corners = self.corners(features).unflatten(-1, (4, LATTICE))
        return (
            functional.cross_entropy(self.colour(features).flatten(0, 1), targets.colours.flatten())
            + functional.cross_entropy(self.shape(features).flatten(0, 1), targets.names.flatten())
            + 2 * functional.cross_entropy(corners.flatten(0, 2), targets.corners.flatten())
            + 5 * functional.mse_loss(self.rgb(features).float(), targets.rgb)
            + functional.binary_cross_entropy_with_logits(self.covered(features).float(), targets.covered)
        )

    @torch.no_grad()
    def accuracy(self, features: Tensor, targets: TokenTargets) -> tuple[float, float, float]:
        """Give the share of right colours and shapes, and of corners at most one lattice step off, under shapes."""
        features = self.norm(features)
        under = targets.colours < len(COLOURS)
        colour = (self.colour(features).argmax(-1) == targets.colours)[under].float().mean()
        shape = (self.shape(features).argmax(-1) == targets.names)[under].float().mean()
        corners = self.corners(features).unflatten(-1, (4, LATTICE)).argmax(-1)
        near = ((corners - targets.corners).abs() <= 1)[under].float().mean()
        return colour.item(), shape.item(), near.item()
