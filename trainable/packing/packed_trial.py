"""One trial of a pack: an adapter that is on no model, and the step that it is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import Parameter

from spaces.mixture import TermName
from spaces.trial import TrialConfig
from trainable.course import Course
from trainable.data.collate import Batch, Example
from trainable.host import Host
from trainable.losses import TermSum, TokenView
from trainable.model.adapter import fresh_factors
from trainable.packing.generators import OwnGenerators
from trainable.packing.linear import Route, evaluated
from trainable.report import TrialReport
from trainable.seeding import child_seed
from trainable.training_state import Stopwatch, TrainingState
from trainable.window import Window


@dataclass(frozen=True)
class Taken:
    """What a pass gives one trial: sums of its terms, and the gradient of its parameters, in their order."""

    parts: dict[TermName, TermSum]
    gradient: tuple[Tensor, ...]


class PackedTrial:
    """What a ``Trial`` is, but for the passes through the base, which it shares with others.

    Args:
        config: Of the trial.
        host: Its base is bare.
        clock: Of the report's seconds, which hold the time that the others took.

    Raises:
        ModelError: If anything but the adapter could be trained, or the adapter rewrites the base.
        DataError: If a row that is scored can't be read.

    """

    def __init__(self, config: TrialConfig, host: Host, *, clock: Callable[[], float]) -> None:
        watch, seed = Stopwatch(clock), config.training.seed
        self._config, self._host = config, host
        course = Course(config, host)
        self._factors = fresh_factors(host.base, config.adapter, seed=child_seed(seed, "adapter"))
        host.check_base()
        parameters = [value for factors in self._factors.values() for value in (factors.down, factors.up)]
        self._state = TrainingState(config, host, course, parameters, watch=watch)
        self._generators = OwnGenerators(host.base.device, seed=child_seed(seed, "dropout"))
        self._window: Window | None = None

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self._state.step

    @property
    def is_finished(self) -> bool:
        """Whether every step is done."""
        return self._state.is_finished

    @property
    def is_due(self) -> bool:
        """Whether the last batch completed a step after which the trial reports."""
        return self._window is None and self.step in self._config.training.report_steps

    @property
    def parameters(self) -> Sequence[Parameter]:
        """The adapter's, in the order of its checkpoint."""
        return self._state.parameters

    @property
    def generators(self) -> OwnGenerators:
        """Source of its dropout."""
        return self._generators

    @property
    def window(self) -> Window:
        """The optimizer step that is under way; begins one if there is none.

        Raises:
            DataError: If a row can't be read.

        """
        if self._window is None:
            self._window = self._state.begin_step()
        return self._window

    @property
    def examples(self) -> list[Example]:
        """Rows of the next batch."""
        records = self._host.split.train
        return [self._host.example(records[row]) for row in self.window.rows]

    @property
    def batch(self) -> Batch:
        """The next batch, as the trial alone would see it."""
        return self.window.batch

    @property
    def route(self) -> Route:
        """Give the way of the next batch's rows through the base."""
        rows, length = self.batch.keep.shape
        return Route(self._factors, rows, length, self._config.adapter.dropout, self._generators)

    def loss(self, view: TokenView) -> tuple[Tensor, dict[TermName, TermSum]]:
        """Give the loss of the next batch, and the sums to ``take`` with its gradient."""
        return self.window.loss(view)

    def take(self, taken: Taken) -> None:
        """Count the next batch, and step the optimizer if it is the last one of its step.

        Raises:
            DivergedError: If a loss term or the gradient is no longer finite.

        """
        for value, part in zip(self.parameters, taken.gradient, strict=True):
            value.grad = part if value.grad is None else value.grad + part
        window = self.window
        window.add(taken.parts)
        if window.is_complete:
            self._state.finish_step(window)
            self._window = None

    def report(self) -> TrialReport:
        """Score the adapter, alone on the base, and tell what happened since the last report.

        Raises:
            DataError: If a row that is scored can't be read.

        """
        with evaluated(self._host.base.model, self._factors):
            return self._state.report(self._host.base.model)

    def state_dict(self) -> dict[str, Any]:
        """Give all that the trial needs to go on after its last report, in a pack or alone; see ``Trial``.

        Raises:
            ValueError: If the trial has drawn the rows of a step that it has not taken.

        """
        if self._window is not None:
            raise ValueError(f"a trial is saved between two steps; this one is in step {self.step + 1}")
        return self._state.state_dict(generators=self._generators.states)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a trial of the same config, whether it had the base to itself or shared it."""
        self._state.load_state_dict(state)
        self._generators.states = state["generators"]
        self._window = None
