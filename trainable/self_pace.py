"""Grounding rows ranked by the trained model's own losses."""

from __future__ import annotations

from collections.abc import Sequence

from spaces.curriculum import Order
from trainable.calibration import losses_by_row
from trainable.data.records import Record
from trainable.losses import TokenView


class SelfPace:
    """Remembers the latest loss of every grounding row: the base's at first, the trained model's once it was drawn.

    Args:
        records: Of the training split.
        base_losses: The base's loss of every grounding row, in order.

    References:
        Kumar, Packer & Koller, "Self-Paced Learning for Latent Variable Models", NIPS 2010. Their threshold on the loss
        is here the quantile that lets the pacing's share of rows pass.

    """

    def __init__(self, records: Sequence[Record], base_losses: Sequence[float]) -> None:
        grounding = [row for row, record in enumerate(records) if record.task == "grounding"]
        self._losses = dict(zip(grounding, base_losses, strict=True))
        self._count = len(records)

    def hear(self, drawn: Sequence[Sequence[int]], place: int, view: TokenView) -> None:
        """Take in the losses of one batch.

        Args:
            drawn: Rows of every batch of the window.
            place: The batch's place in it.
            view: Its supervised positions.

        """
        rows = drawn[place]
        for row, loss in zip(rows, losses_by_row(view, rows=len(rows)).tolist(), strict=True):
            if row in self._losses:
                self._losses[row] = loss

    def ranks(self, *, order: Order) -> list[float | None]:
        """Rank the grounding rows in [0, 1), those of small loss first, or last with ``anti``; ``None`` for text."""
        ranks: list[float | None] = [None] * self._count
        ordered = sorted(self._losses, key=lambda row: self._losses[row], reverse=order == "anti")
        for place, row in enumerate(ordered):
            ranks[row] = place / len(ordered)
        return ranks

    def state_dict(self) -> dict[str, list[float]]:
        """Give the latest losses, for a checkpoint."""
        return {"losses": list(self._losses.values())}

    def load_state_dict(self, state: dict[str, list[float]]) -> None:
        """Go on from saved losses."""
        self._losses = dict(zip(self._losses, state["losses"], strict=True))
