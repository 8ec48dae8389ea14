"""Linear layers of a frozen base that serve different adapters for different rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear, pad
from typing_extensions import override

from trainable.model.adapter import Factors
from trainable.packing.generators import OwnGenerators


@dataclass(frozen=True)
class Route:
    """Which rows of a batch go through which adapter.

    Attributes:
        factors: The adapter, by the name of the linear layer.
        rows: Number of its rows; they follow those of the route before.
        length: Number of positions of its rows, without what only longer rows of others pad them to.
        dropout: Chance that an input of the adapter is dropped.
        generators: Source of these draws.

    """

    factors: Mapping[str, Factors]
    rows: int
    length: int
    dropout: float
    generators: OwnGenerators


class PackedLinear(nn.Module):
    """One linear layer that adds to every route's rows what that route's adapter gives.

    No number of one route's rows ever meets one of another's, not even times zero, so that what is not finite stays
    where it is, in the gradient as well.

    Args:
        base_layer: Frozen; left as it is.
        name: In the base.
        routes: Whose rows make up the batch.

    """

    def __init__(self, base_layer: nn.Module, name: str, routes: Sequence[Route]) -> None:
        super().__init__()
        self.base_layer = base_layer
        self._routes = [(route, route.factors.get(name)) for route in routes]
        self._sizes = [route.rows for route in routes]

    @override
    def forward(self, x: Tensor) -> Tensor:
        parts = [
            part if factors is None else _adapted(part, own, route, factors)
            for part, own, (route, factors) in zip(
                self.base_layer(x).split(self._sizes), x.split(self._sizes), self._routes, strict=True
            )
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


class EvaluatedLinear(nn.Module):
    """One linear layer that adds one adapter to all rows, without dropout."""

    def __init__(self, base_layer: nn.Module, factors: Factors) -> None:
        super().__init__()
        self.base_layer = base_layer
        self._factors = factors

    @override
    def forward(self, x: Tensor) -> Tensor:
        result = self.base_layer(x)
        return (result + _delta(x, self._factors)).to(result.dtype)


@contextmanager
def routed(model: Any, routes: Sequence[Route]) -> Iterator[None]:
    """Let a base train adapters for a while, in training mode; without routes it is the plain base.

    Args:
        model: The base; afterwards it has its own layers again and is in evaluation mode.
        routes: In the order of the rows.

    """
    names = dict.fromkeys(name for route in routes for name in route.factors)
    with _replaced(model, {name: PackedLinear(model.get_submodule(name), name, routes) for name in names}):
        model.train()
        try:
            yield
        finally:
            model.eval()


@contextmanager
def evaluated(model: Any, factors: Mapping[str, Factors]) -> Iterator[None]:
    """Let a base have one adapter for a while, in evaluation mode."""
    with _replaced(model, {name: EvaluatedLinear(model.get_submodule(name), own) for name, own in factors.items()}):
        model.eval()
        yield


@contextmanager
def _replaced(model: Any, layers: Mapping[str, nn.Module]) -> Iterator[None]:
    own = {name: model.get_submodule(name) for name in layers}
    try:
        for name, layer in layers.items():
            model.set_submodule(name, layer)
        yield
    finally:
        for name, layer in own.items():
            model.set_submodule(name, layer)


def _adapted(part: Tensor, own: Tensor, route: Route, factors: Factors) -> Tensor:
    """Add an adapter where its rows are not padded by others': so its dropout draws what it would draw alone."""
    delta = _delta(own[:, : route.length], factors, route)
    padding = part.shape[1] - route.length
    return (part + (pad(delta, (0, 0, 0, padding)) if padding else delta)).to(part.dtype)


def _delta(x: Tensor, factors: Factors, route: Route | None = None) -> Tensor:
    x = x.to(factors.down.dtype)  # as PEFT does: factors are float32 on any base
    if route is not None and route.dropout > 0:
        with route.generators.swapped_in():
            x = dropout(x.contiguous(), route.dropout)
    return linear(linear(x, factors.down), factors.up) * factors.scale
