"""The training loop of one trial that has the base to itself, from report to report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from spaces.mixture import TermName
from spaces.trial import TrialConfig
from trainable.course import Course
from trainable.data.collate import Batch
from trainable.errors import ModelError
from trainable.evaluation.evaluate import Evaluation, ScoredRow
from trainable.host import Host
from trainable.losses import TermSum, TokenView
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.model.prefix_cache import upper_layers
from trainable.report import TrialReport
from trainable.seeding import child_seed, generator_states, restore_generators
from trainable.training_state import Stopwatch, TrainingState
from trainable.window import Window


class Trial:
    """One LoRA training that stops at each rung to report.

    Everything random comes from the trial's seed, so that two trials differ by their settings alone. One trial at a
    time uses a host.
    """

    def __init__(self, config: TrialConfig, host: Host, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Attach a fresh adapter to the host's base.

        Raises:
            ModelError: If anything but the adapter could be trained, or the adapter rewrites the base.
            DataError: If a row that is scored can't be read.

        """
        watch = Stopwatch(clock)
        self._config, self._host = config, host
        seed = config.training.seed
        course = Course(config, host, depth=host.depth(config.adapter))
        self._model = attach_adapter(host.base, config.adapter, seed=child_seed(seed, "adapter"))
        try:
            host.check_base()
        except ModelError:
            detach_adapter(self._model)
            raise
        parameters = [value for value in self._model.parameters() if value.requires_grad]
        self._state = TrainingState(config, host, course, parameters, watch=watch)
        torch.manual_seed(child_seed(seed, "dropout"))

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self._state.step

    @property
    def seconds(self) -> float:
        """Wall time since the trial started, that of an earlier attempt included."""
        return self._state.seconds

    @property
    def is_finished(self) -> bool:
        """Whether every step is done."""
        return self._state.is_finished

    def advance(self) -> TrialReport:
        """Train until the next rung or the last step, evaluate, and report.

        Raises:
            DivergedError: If a loss term or the gradient is no longer finite.
            DataError: If a row can't be read.

        """
        self.train()
        return self._state.report(self._model)

    def train(self) -> None:
        """Train until the next rung or the last step.

        Raises:
            DivergedError: If a loss term or the gradient is no longer finite.
            DataError: If a row can't be read.

        """
        target = self._state.next_report
        self._model.train()
        while self._state.step < target:
            self._train_step()

    def score(self, rows: Sequence[ScoredRow]) -> Evaluation:
        """Score the model in detail on other rows than those of a report; changes nothing of the trial.

        Raises:
            DataError: If a row can't be read.

        """
        return self._state.score(self._model, rows, in_detail=True)

    def state_dict(self) -> dict[str, Any]:
        """Give all that the trial needs to go on after its last report exactly as if it had never stopped."""
        return self._state.state_dict(generators=generator_states(self._host.base.device))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a trial of the same config, whether it had the base to itself or shared it."""
        self._state.load_state_dict(state)
        restore_generators(state["generators"])

    def close(self) -> None:
        """Take the adapter off the base.

        Raises:
            ModelError: If the base is not what it was.

        """
        detach_adapter(self._model)
        self._host.check_base()

    def _train_step(self) -> None:
        window = self._state.begin_step()
        accumulate(self._model, window)
        self._state.finish_step(window)


def accumulate(model: Any, window: Window) -> dict[TermName, TermSum]:
    """Back-propagate one optimizer step's loss, batch by batch.

    Returns:
        Sums of each used term over the window.

    """
    while not window.is_complete:
        # the view has no name here, so that the logits are gone when the gradient needs their place
        loss, parts = window.loss(_view(model, window.batch, needs_base=window.needs_base))
        loss.backward()
        window.add(parts)
    return window.sums


def _view(model: Any, batch: Batch, *, needs_base: bool) -> TokenView:
    """Run the model where tokens are supervised, and the base without its adapter if a term compares with it."""
    base_logits = None
    with upper_layers(model, batch.depth):
        if needs_base:
            with torch.no_grad(), model.disable_adapter():
                base_logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
        logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
    return TokenView(logits, batch.targets, base_logits)
