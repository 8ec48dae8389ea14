"""What each of paretune's savings is worth alone: CPU seconds of the same work with it and without it.

A lever is a function that gives both; another one is one more line of ``LEVERS``. Each measures its two sides in
turns, in one process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from trials_shape import Shape, trial_config

from spaces import TrialConfig
from trainable.data.collate import Batch, collate
from trainable.host import Host
from trainable.losses import Mixture, make_terms
from trainable.model.adapter import attach_adapter, detach_adapter
from trainable.trial import accumulate
from trainable.window import Window

_TURNS = 10


@dataclass(frozen=True)
class Pair:
    """CPU seconds of the same work, and what the work is."""

    work: str
    with_s: float
    without_s: float


def supervised_logits(config: TrialConfig, host: Host) -> Pair:
    """Compare logits where a token is supervised with logits everywhere, in one training step without the optimizer."""
    model = attach_adapter(host.base, config.adapter, seed=0)
    mixture = Mixture(config.mixture, make_terms(config.mixture))
    records, size = host.split.train, config.training.batch
    batches = [
        collate([host.example(record) for record in records[start : start + size]], host.base)
        for start in range(0, _TURNS * size, size)
    ]

    def kept(batch: Batch) -> None:
        accumulate(model, Window(mixture, [batch], weights=mixture.weights(0.5)))

    def full(batch: Batch) -> None:
        labels = torch.full_like(batch.keep, -100, dtype=torch.int64)
        labels[:, 1:][batch.keep[:, :-1]] = batch.targets.labels
        model(**batch.inputs, labels=labels).loss.backward()

    with_s, without_s = in_turns(kept, full, batches)
    detach_adapter(model)
    return Pair("forward and backward pass of a batch", with_s, without_s)


LEVERS: Mapping[str, Callable[[TrialConfig, Host], Pair]] = {
    "logits only where supervised": supervised_logits,
}


def in_turns(ours: Callable[[Any], None], plain: Callable[[Any], None], inputs: list[Any]) -> tuple[float, float]:
    """Give the median CPU seconds of two functions, called in turns on each input; the first calls do not count."""
    spent: tuple[list[float], list[float]] = ([], [])
    for one in [inputs[0], *inputs]:
        for times, call in zip(spent, (ours, plain), strict=True):
            began = time.process_time()
            call(one)
            times.append(time.process_time() - began)
    return median(spent[0][1:]), median(spent[1][1:])


def lever_table(path: str, shape: Shape) -> Iterator[str]:
    """Give a Markdown table of all levers for a base."""
    torch.set_num_threads(1)
    config = trial_config(0, path, shape)
    host = Host(config.model, config.data)
    yield "| Lever | work | CPU-ms with | without | ratio |"
    yield "| --- | --- | --- | --- | --- |"
    for name, lever in LEVERS.items():
        pair = lever(config, host)
        ratio = pair.without_s / pair.with_s
        yield f"| {name} | {pair.work} | {1000 * pair.with_s:.1f} | {1000 * pair.without_s:.1f} | {ratio:.2f} |"
