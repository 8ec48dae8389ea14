"""The training loop of one trial, from report to report."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from spaces.mixture import TermName
from spaces.trial import TrialConfig
from trainable.data.collate import Batch, collate
from trainable.data.difficulty import difficulty_ranks
from trainable.data.sampler import RowSampler
from trainable.errors import DivergedError
from trainable.evaluation.evaluate import evaluate
from trainable.host import Host
from trainable.losses import Mixture, TermSum, TokenView, make_terms
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.report import TrialReport
from trainable.seeding import child_seed


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
        self._started = clock()
        self._step = 0
        seed = config.training.seed
        records = host.split.train
        ranks = difficulty_ranks(
            records, difficulty=config.curriculum.difficulty, seed=child_seed(seed, "random difficulty")
        )
        self._sampler = RowSampler(
            [record.task for record in records],
            ranks,
            config.curriculum,
            random.Random(child_seed(seed, "data order")),
        )
        self._mixture = Mixture(config.mixture, make_terms(config.mixture))
        self._model = attach_adapter(host.base, config.adapter, seed=child_seed(seed, "adapter"))
        self._parameters = [value for value in self._model.parameters() if value.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._parameters,
            lr=config.optimizer.learning_rate,
            betas=(0.9, config.optimizer.beta2),
            weight_decay=config.optimizer.weight_decay,
        )
        torch.manual_seed(child_seed(seed, "dropout"))

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
            seconds=self._clock() - self._started,
            metrics=metrics,
            losses={name: part.total / part.count for name, part in totals.items() if part.count},
            weights=self._mixture.weights(progress),
        )

    def close(self) -> None:
        """Take the adapter off the base."""
        detach_adapter(self._model)

    def _train_step(self) -> dict[TermName, TermSum]:
        training = self._config.training
        progress = (self._step + 0.5) / training.steps
        window = [self._batch(progress) for _ in range(training.accumulation)]
        sums = accumulate(self._model, self._mixture, window, progress=progress)
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
        return sums

    def _batch(self, progress: float) -> Batch:
        rows = self._sampler.draw(self._config.training.batch, progress)
        records = self._host.split.train
        return collate([self._host.example(records[row]) for row in rows], self._host.base)

    def _evaluate(self, *, final: bool) -> dict[str, float]:
        training = self._config.training
        return evaluate(
            self._model,
            self._host.base,
            self._host.search_rows(training.final_rows if final else training.rung_rows),
            constant_box_1000=self._host.constant_box_1000,
            batch=training.eval_batch,
            max_new_tokens=training.max_new_tokens,
        )


def accumulate(model: Any, mixture: Mixture, window: list[Batch], *, progress: float) -> dict[TermName, TermSum]:
    """Back-propagate one optimizer step's loss, batch by batch.

    Every term is divided by its denominator over the whole window, so the gradient equals that of one large batch.

    Returns:
        Sum and count of each used term over the window.

    """
    denominators = mixture.denominators([batch.targets for batch in window])
    sums: dict[TermName, TermSum] = {}
    for batch in window:
        # the view goes no further, so that the logits are gone when the gradient needs their place
        loss, parts = mixture.loss(_view(model, mixture, batch), denominators=denominators, progress=progress)
        loss.backward()
        _add(sums, parts)
    return sums


def _view(model: Any, mixture: Mixture, batch: Batch) -> TokenView:
    """Run the model where tokens are supervised, and the base without its adapter if a term compares with it."""
    base_logits = None
    if mixture.needs_base:
        with torch.no_grad(), model.disable_adapter():
            base_logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
    logits = model(**batch.inputs, logits_to_keep=batch.keep).logits
    return TokenView(logits, batch.targets, base_logits)


def _add(totals: dict[TermName, TermSum], parts: Mapping[TermName, TermSum]) -> None:
    for name, part in parts.items():
        before = totals.get(name, TermSum(0.0, 0))
        totals[name] = TermSum(before.total + part.total, before.count + part.count)
