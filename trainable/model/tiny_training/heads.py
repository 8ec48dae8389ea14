"""What the vision tower learns first: for every image token, the shape that lies under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainable.boxes import Box
from trainable.data.scenes import LATTICE_PX, LOOKS, SIDE_PX, Scene, Shape
from trainable.model.tiny import WIDTH
from trainable.model.tiny_training.pictures import CELLS

COLOURS = tuple(LOOKS["base"].colours)
SHAPES = LOOKS["base"].shapes
LATTICE = SIDE_PX // LATTICE_PX + 1
"""Places that a corner can take along a side."""

_CELL_PX = SIDE_PX // CELLS
_LEAST_OVERLAP = 0.08


@dataclass(frozen=True)
class TokenTargets:
    """The shape under every image token, for ``b`` scenes of 16 tokens.

    Attributes:
        colours: Index into ``COLOURS``, or their number for background, of shape ``[b, 16]``.
        shapes: Index into ``SHAPES``, or their number for background, of shape ``[b, 16]``.
        corners: Lattice places of ``x1, y1, x2, y2``, -100 for background, of shape ``[b, 16, 4]``.

    """

    colours: Tensor
    shapes: Tensor
    corners: Tensor


def token_targets(scenes: Sequence[Scene]) -> TokenTargets:
    """Assign every token the shape that covers most of its cell, or background below 8 % of it."""
    colours = torch.full((len(scenes), CELLS * CELLS), len(COLOURS))
    shapes = torch.full((len(scenes), CELLS * CELLS), len(SHAPES))
    corners = torch.full((len(scenes), CELLS * CELLS, 4), -100)
    for row, scene in enumerate(scenes):
        for cell, shape in enumerate(_under_cells(scene)):
            if shape:
                colours[row, cell] = COLOURS.index(shape.colour)
                shapes[row, cell] = SHAPES.index(shape.name)
                corners[row, cell] = torch.tensor([int(corner) // LATTICE_PX for corner in shape.box_px])
    return TokenTargets(colours, shapes, corners)


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
    """Linear readers of the features; thrown away after training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.colour = nn.Linear(WIDTH, len(COLOURS) + 1)
        self.shape = nn.Linear(WIDTH, len(SHAPES) + 1)
        self.corners = nn.Linear(WIDTH, 4 * LATTICE)

    def loss(self, features: Tensor, targets: TokenTargets) -> Tensor:
        """Sum the cross-entropies of colour, shape and the four corners."""
        features = self.norm(features)
        corners = self.corners(features).unflatten(-1, (4, LATTICE))
        return (
            functional.cross_entropy(self.colour(features).flatten(0, 1), targets.colours.flatten())
            + functional.cross_entropy(self.shape(features).flatten(0, 1), targets.shapes.flatten())
            + 2 * functional.cross_entropy(corners.flatten(0, 2), targets.corners.flatten())
        )

    @torch.no_grad()
    def accuracy(self, features: Tensor, targets: TokenTargets) -> tuple[float, float, float]:
        """Give the share of right colours and shapes, and of corners at most one lattice step off, under shapes."""
        features = self.norm(features)
        under = targets.colours < len(COLOURS)
        colour = (self.colour(features).argmax(-1) == targets.colours)[under].float().mean()
        shape = (self.shape(features).argmax(-1) == targets.shapes)[under].float().mean()
        corners = self.corners(features).unflatten(-1, (4, LATTICE)).argmax(-1)
        near = ((corners - targets.corners).abs() <= 1)[under].float().mean()
        return colour.item(), shape.item(), near.item()
