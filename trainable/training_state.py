"""One trial between two steps: everything but how its gradients come about."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from spaces.mixture import TermName
from spaces.trial import TrialConfig
from trainable.course import Course
from trainable.errors import DivergedError
from trainable.evaluation.evaluate import Evaluation, ScoredRow, evaluate
from trainable.host import Host
from trainable.losses import TermSum
from trainable.report import TrialReport
from trainable.window import Window, add_sums


class Stopwatch:
    """Counts seconds from when it is made, and those that an earlier attempt had taken."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._started, self._before = clock, clock(), 0.0

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self._before + self._clock() - self._started

    def go_on_from(self, seconds: float) -> None:
        """Start again at a number of seconds."""
        self._started, self._before = self._clock(), seconds


class TrainingState:
    """Steps an adapter whose gradients somebody else computes, and reports on it.

    Args:
        config: Of the trial.
        host: Gives the rows that are scored.
        course: Gives the batches.
        parameters: The adapter's, in the order of its checkpoint.
        watch: Started with the trial.

    """

    def __init__(
        self, config: TrialConfig, host: Host, course: Course, parameters: Sequence[Parameter], *, watch: Stopwatch
    ) -> None:
        self._config, self._host, self._course, self._watch = config, host, course, watch
        self.parameters = list(parameters)
        self.step = 0
        self._weights: Mapping[TermName, float] = {}
        self._totals: dict[TermName, TermSum] = {}
        self._optimizer = torch.optim.AdamW(
            self.parameters,
            lr=config.optimizer.learning_rate,
            betas=(0.9, config.optimizer.beta2),
            weight_decay=config.optimizer.weight_decay,
            foreach=True,  # the same bits as parameter by parameter, with fewer calls
        )

    @property
    def seconds(self) -> float:
        """Wall time since the trial started, that of an earlier attempt included."""
        return self._watch.seconds

    @property
    def is_finished(self) -> bool:
        """Whether every step is done."""
        return self.step >= self._config.training.steps

    @property
    def next_report(self) -> int:
        """The step after which the trial reports next; it must not be finished."""
        return next(step for step in self._config.training.report_steps if step > self.step)

    def begin_step(self) -> Window:
        """Draw the batches of the next optimizer step.

        Raises:
            DataError: If a row can't be read.

        """
        window = self._course.open(self.step)
        self._weights = window.weights
        return window

    def finish_step(self, window: Window) -> None:
        """Step the optimizer once the gradient of the whole window is there.

        Raises:
            DivergedError: If a loss term or the gradient is no longer finite.

        """
        for name, part in window.sums.items():
            if not math.isfinite(part.total):
                raise DivergedError(name, step=self.step + 1)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self._config.optimizer.clip_norm)
        if not torch.isfinite(norm):
            raise DivergedError("gradient", step=self.step + 1)
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.optimizer.rate_at(self.step, steps=self._config.training.steps)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._course.close(window)
        add_sums(self._totals, window.sums)
        self.step += 1

    def report(self, model: Any) -> TrialReport:
        """Score the model with the trial's adapter and tell what happened since the last report.

        Raises:
            DataError: If a row that is scored can't be read.

        """
        reports = self._config.training.report_steps
        steps = self.step - max((step for step in reports if step < self.step), default=0)
        training = self._config.training
        rows = self._host.search_rows(training.final_rows if self.is_finished else training.rung_rows)
        found = self.score(model, rows, in_detail=self.is_finished)
        totals, self._totals = self._totals, {}
        return TrialReport(
            step=self.step,
            progress=self.step / self._config.training.steps,
            seconds=self._watch.seconds,
            metrics=found.scores,
            losses={name: part.total / part.count for name, part in totals.items() if part.count},
            weights=dict[str, float](self._weights.items()),
            weighted={name: part.weighted / steps for name, part in totals.items()},
            exposure=self._course.exposure(self.step),
            predictions=found.predictions,
        )

    def state_dict(self, *, generators: Sequence[Tensor]) -> dict[str, Any]:
        """Give all that the trial needs to go on after its last report exactly as if it had never stopped.

        Args:
            generators: States of torch's global generators as the trial sees them.

        """
        return {
            "step": self.step,
            "seconds": self._watch.seconds,
            "adapter": [value.detach().cpu().clone() for value in self.parameters],
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            **self._course.state_dict(),
            "generators": list(generators),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a trial of the same config; the generators are left to the caller."""
        self.step = state["step"]
        self._watch.go_on_from(state["seconds"])
        with torch.no_grad():
            for value, saved in zip(self.parameters, state["adapter"], strict=True):
                value.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])
        self._course.load_state_dict(state)

    def score(self, model: Any, rows: Sequence[ScoredRow], *, in_detail: bool) -> Evaluation:
        """Score the model with the trial's adapter on some rows.

        Raises:
            DataError: If a row can't be read.

        """
        training = self._config.training
        return evaluate(
            model,
            self._host.base,
            rows,
            constant_box_1000=self._host.constant_box_1000,
            batch=training.eval_batch,
            max_new_tokens=training.max_new_tokens,
            in_detail=in_detail,
        )
