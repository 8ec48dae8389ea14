"""What a trial trains on at every step: which rows, and how heavy each loss term is."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from spaces.trial import TrialConfig
from trainable.data.collate import Batch, collate
from trainable.data.difficulty import difficulty_ranks
from trainable.data.records import TASKS
from trainable.data.sampler import RowSampler
from trainable.exposure import planned_exposure
from trainable.host import Host
from trainable.losses import Mixture, make_terms, needs_references
from trainable.seeding import child_seed
from trainable.self_pace import SelfPace
from trainable.window import Window


class Course:
    """Opens one window for each optimizer step; knows nothing of adapters.

    It is made while the host's base is bare: some settings need to know what the base makes of the rows.

    Args:
        config: Of the trial.
        host: Holds the rows.
        depth: The layer at which training starts, see ``Host.example``.

    Raises:
        DataError: If a row that the base is asked about can't be read.

    """

    def __init__(self, config: TrialConfig, host: Host, *, depth: int = 0) -> None:
        self._config, self._host, self._depth = config, host, depth
        seed, records = config.training.seed, host.split.train
        self._pace = SelfPace(records, host.base_losses) if config.curriculum.pacing == "self_paced" else None
        self._sampler = RowSampler(
            records,
            self._first_ranks(),
            config.curriculum,
            random.Random(child_seed(seed, "data order")),
            source_shares=host.source_shares,
        )
        self._mixture = Mixture(
            config.mixture,
            make_terms(config.mixture),
            references=host.references(config.mixture) if needs_references(config.mixture) else None,
            seed=child_seed(seed, "weighting"),
        )
        self._exposures = {
            task: planned_exposure(
                task,
                optimizer=config.optimizer,
                mixture=config.mixture,
                task_share=self._sampler.task_share,
                steps=config.training.steps,
            )
            for task in TASKS
        }

    def open(self, step: int) -> Window:
        """Draw the batches of the optimizer step after this many.

        Raises:
            DataError: If a row can't be read.

        """
        training = self._config.training
        progress = (step + 0.5) / training.steps
        drawn = self._by_length([self._sampler.draw(training.batch, progress) for _ in range(training.accumulation)])
        weights = self._mixture.weights(progress)
        return Window(
            self._mixture,
            [self._batch(rows) for rows in drawn],
            weights=weights,
            drawn=drawn,
            hear=None if self._pace is None else partial(self._pace.hear, drawn),
        )

    def close(self, window: Window) -> None:
        """Let the weighting and the pacing see the step that was just taken."""
        self._mixture.observe(window.sums)
        if self._pace is not None:
            self._sampler.rerank(self._pace.ranks(order=self._config.curriculum.order))

    def exposure(self, step: int) -> dict[str, float]:
        """Give the exposure of each task after this many steps, at least one."""
        return {task: values[step - 1] for task, values in self._exposures.items()}

    def state_dict(self) -> dict[str, Any]:
        """Give what is needed to go on after a step."""
        return {
            "sampler": self._sampler.state_dict(),
            "weighting": self._mixture.state_dict(),
            "pace": self._pace.state_dict() if self._pace else {},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a course of the same config."""
        self._sampler.load_state_dict(state["sampler"])
        self._mixture.load_state_dict(state["weighting"])
        if self._pace:
            self._pace.load_state_dict(state["pace"])

    def _first_ranks(self) -> list[float | None]:
        curriculum = self._config.curriculum
        if self._pace is not None:
            return self._pace.ranks(order=curriculum.order)
        if curriculum.pacing == "none":
            return [None] * len(self._host.split.train)
        return difficulty_ranks(
            self._host.split.train,
            difficulty=curriculum.difficulty,
            order=curriculum.order,
            seed=child_seed(self._config.training.seed, "random difficulty"),
            base_losses=lambda: self._host.base_losses,
        )

    def _by_length(self, drawn: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
        """Share a step's rows among its batches anew, so that rows of like lengths are padded to one.

        The gradient is the same, since every term is divided by its denominator over the whole window.
        """
        if len(drawn) == 1:
            return drawn
        records = self._host.split.train
        rows = sorted((row for batch in drawn for row in batch), key=lambda row: self._host.length(records[row]))
        size = len(drawn[0])
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def _batch(self, rows: Sequence[int]) -> Batch:
        records = self._host.split.train
        return collate([self._host.example(records[row], depth=self._depth) for row in rows], self._host.base)
