"""The training loop of one trial, from report to report."""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from spaces.mixture import TermName
from spaces.trial import TrialConfig
from trainable.data.collate import Batch, collate
from trainable.data.difficulty import difficulty_ranks
from trainable.data.records import TASKS
from trainable.data.sampler import RowSampler
from trainable.errors import DivergedError, ModelError
from trainable.evaluation.evaluate import evaluate
from trainable.exposure import planned_exposure
from trainable.host import Host
from trainable.losses import Mixture, TermSum, TokenView, make_terms, needs_references
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.model.prefix_cache import upper_layers
from trainable.report import TrialReport
from trainable.seeding import child_seed
from trainable.self_pace import SelfPace


class Trial:
    """One LoRA training that stops at each rung to report.

    Everything random comes from the trial's seed, so that two trials differ by their settings alone. One trial at a
    time uses a host.
    """

    def __init__(self, config: TrialConfig, host: Host, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Attach a fresh adapter to the host's base.

        Raises:
            ModelError: If anything but the adapter could be trained.
            DataError: If a row that is scored can't be read.

        """
        self._config, self._host, self._clock = config, host, clock
        self._started, self._seconds_before = clock(), 0.0
        self._step = 0
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
        self._weights: Mapping[TermName, float] = {}
        self._depth = host.depth(config.adapter)
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
        self._model = attach_adapter(host.base, config.adapter, seed=child_seed(seed, "adapter"))
        try:
            host.check_base()
        except ModelError:
            detach_adapter(self._model)
            raise
        self._parameters = [value for value in self._model.parameters() if value.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._parameters,
            lr=config.optimizer.learning_rate,
            betas=(0.9, config.optimizer.beta2),
            weight_decay=config.optimizer.weight_decay,
        )
        torch.manual_seed(child_seed(seed, "dropout"))

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return self._step

    @property
    def is_finished(self) -> bool:
        """Whether every step is done."""
        return self._step >= self._config.training.steps

    def advance(self) -> TrialReport:
        """Train until the next rung or the last step, evaluate, and report.

        Raises:
            DivergedError: If a loss term or the gradient is no longer finite.
            DataError: If a row can't be read.

        """
        target = next(step for step in self._config.training.report_steps if step > self._step)
        steps = target - self._step
        totals: dict[TermName, TermSum] = {}
        self._model.train()
        while self._step < target:
            _add(totals, self._train_step())
            self._step += 1
        progress = self._step / self._config.training.steps
        metrics = self._evaluate(final=self.is_finished)
        return TrialReport(
            step=self._step,
            progress=progress,
            seconds=self._seconds(),
            metrics=metrics,
            losses={name: part.total / part.count for name, part in totals.items() if part.count},
            weights=dict[str, float](self._weights.items()),
            weighted={name: part.weighted / steps for name, part in totals.items()},
            exposure={task: values[self._step - 1] for task, values in self._exposures.items()},
        )

    def state_dict(self) -> dict[str, Any]:
        """Give all that the trial needs to go on after its last report exactly as if it had never stopped."""
        devices = torch.cuda.device_count() if self._host.base.device.type == "cuda" else 0
        return {
            "step": self._step,
            "seconds": self._seconds(),
            "adapter": [value.detach().cpu().clone() for value in self._parameters],
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            "sampler": self._sampler.state_dict(),
            "weighting": self._mixture.state_dict(),
            "pace": self._pace.state_dict() if self._pace else {},
            "generators": [torch.get_rng_state(), *(torch.cuda.get_rng_state(index) for index in range(devices))],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a trial of the same config."""
        self._step = state["step"]
        self._started, self._seconds_before = self._clock(), state["seconds"]
        with torch.no_grad():
            for value, saved in zip(self._parameters, state["adapter"], strict=True):
                value.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])
        self._sampler.load_state_dict(state["sampler"])
        self._mixture.load_state_dict(state["weighting"])
        if self._pace:
            self._pace.load_state_dict(state["pace"])
        own, *others = state["generators"]
        torch.set_rng_state(own)
        for index, generator in enumerate(others):
            torch.cuda.set_rng_state(generator, index)

    def close(self) -> None:
        """Take the adapter off the base.

        Raises:
            ModelError: If the base is not what it was.

        """
        detach_adapter(self._model)
        self._host.check_base()

    def _seconds(self) -> float:
        return self._seconds_before + self._clock() - self._started

    def _train_step(self) -> dict[TermName, TermSum]:
        training = self._config.training
        progress = (self._step + 0.5) / training.steps
        drawn = [self._sampler.draw(training.batch, progress) for _ in range(training.accumulation)]
        self._weights = self._mixture.weights(progress)
        sums = accumulate(
            self._model,
            self._mixture,
            [self._batch(rows) for rows in drawn],
            weights=self._weights,
            hear=None if self._pace is None else partial(self._pace.hear, drawn),
        )
        for name, part in sums.items():
            if not math.isfinite(part.total):
                raise DivergedError(name, step=self._step + 1)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._config.optimizer.clip_norm)
        if not torch.isfinite(norm):
            raise DivergedError("gradient", step=self._step + 1)
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.optimizer.rate_at(self._step, steps=training.steps)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._mixture.observe(sums)
        if self._pace is not None:
            self._sampler.rerank(self._pace.ranks(order=self._config.curriculum.order))
        return sums

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

    def _batch(self, rows: Sequence[int]) -> Batch:
        records = self._host.split.train
        return collate([self._host.example(records[row], depth=self._depth) for row in rows], self._host.base)

    def _evaluate(self, *, final: bool) -> dict[str, float]:
        training = self._config.training
        return evaluate(
            self._model,
            self._host.base,
            self._host.search_rows(training.final_rows if final else training.rung_rows),
            constant_box_1000=self._host.constant_box_1000,
            batch=training.eval_batch,
            max_new_tokens=training.max_new_tokens,
            with_slices=final,
        )


def accumulate(
    model: Any,
    mixture: Mixture,
    window: Sequence[Batch],
    *,
    weights: Mapping[TermName, float],
    hear: Callable[[int, TokenView], None] | None = None,
) -> dict[TermName, TermSum]:
    """Back-propagate one optimizer step's loss, batch by batch.

    Every term is divided by its denominator over the whole window, so the gradient equals that of one large batch.

    Args:
        model: Trained.
        mixture: Sums the terms.
        window: The step's batches.
        weights: Of the step.
        hear: Shown every batch's place in the window and its supervised positions.

    Returns:
        Sums of each used term over the window.

    """
    denominators = mixture.denominators([batch.targets for batch in window])
    sums: dict[TermName, TermSum] = {}
    for place, batch in enumerate(window):
        view = _view(model, mixture, batch)
        if hear is not None:
            hear(place, view)
        loss, parts = mixture.loss(view, denominators=denominators, weights=weights)
        del view  # so that the logits are gone when the gradient needs their place
        loss.backward()
        _add(sums, parts)
    return sums


def _view(model: Any, mixture: Mixture, batch: Batch) -> TokenView:
    """Run the model where tokens are supervised, and the base without its adapter if a term compares with it."""
    base_logits = None
    with upper_layers(model, batch.depth):
        if mixture.needs_base:
            with torch.no_grad(), model.disable_adapter():
                base_logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
        logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
    return TokenView(logits, batch.targets, base_logits)


def _add(totals: dict[TermName, TermSum], parts: Mapping[TermName, TermSum]) -> None:
    for name, part in parts.items():
        totals[name] = totals[name] + part if name in totals else part
