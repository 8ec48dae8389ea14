"""Weights that make all losses fall at one rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from typing_extensions import override

from spaces.mixture import TermName
from trainable.weighting.base import SMALLEST_LOSS, Weighting
from trainable.weighting.softmax import softmax


class Famo(Weighting):
    """Fast adaptive multitask optimisation: weighs terms by ``softmax(w) / L``.

    After a step the logits ``w`` move, by Adam, along the softmax's Jacobian times ``log L_before - log L_after``. The
    paper takes both losses from one batch, at the price of a forward pass; here ``L_after`` is that of the next
    optimizer step, and the multipliers of a step divide by the losses of the step before.

    Args:
        names: The terms.
        rate: Learning rate of the logits.
        decay: Weight decay of the logits, added to their gradient as in the paper.

    References:
        Liu et al., "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023, arXiv 2306.03792, algorithm 1.

    """

    def __init__(self, names: Sequence[TermName], *, rate: float, decay: float) -> None:
        super().__init__(names)
        self._logits = torch.zeros(len(self._names), dtype=torch.float64, requires_grad=True)
        self._adam = torch.optim.Adam([self._logits], lr=rate, weight_decay=decay)
        self._before: dict[TermName, float] = {}

    @override
    def _proportions(self) -> Mapping[TermName, float]:
        if len(self._before) < len(self._names):
            return dict.fromkeys(self._names, 1.0)
        shares = softmax(dict(zip(self._names, self._logits.tolist(), strict=True)))
        return {name: shares[name] / self._before[name] for name in self._names}

    @override
    def observe(self, losses: Mapping[TermName, float]) -> None:
        after: dict[TermName, float] = {
            name: max(losses[name], SMALLEST_LOSS) for name in self._names if name in losses
        }
        if len(self._before) == len(self._names):
            now = [after.get(name, self._before[name]) for name in self._names]  # a term not seen has not changed
            fallen = torch.tensor([self._before[name] for name in self._names], dtype=torch.float64).log()
            fallen = fallen - torch.tensor(now, dtype=torch.float64).log()
            self._adam.zero_grad()
            self._logits.softmax(dim=0).backward(fallen)
            self._adam.step()
        self._before.update(after)

    @override
    def state_dict(self) -> dict[str, Any]:
        state = self._adam.state.get(self._logits, {})
        return {
            "logits": self._logits.tolist(),
            "adam": {name: value.tolist() for name, value in state.items()},
            "before": dict(self._before),
        }

    @override
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        with torch.no_grad():
            self._logits.copy_(torch.tensor(state["logits"], dtype=torch.float64))
        self._adam.state[self._logits] = {
            name: torch.tensor(value, dtype=torch.float32 if name == "step" else torch.float64)
            for name, value in state["adam"].items()
        }
        self._before = dict(state["before"])
