"""How many trials a device steps together with profit, measured."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from spaces.trial import TrialConfig
from trainable.host import Host
from trainable.packing.pack import Failed, Pack

_log = logging.getLogger(__name__)

SIZES = (1, 2, 4, 8)

_LEAST_GAIN, _NEAR_BEST = 0.10, 0.05


@dataclass(frozen=True)
class Calibration:
    """What was measured.

    Attributes:
        batch_seconds: Time that one batch of one trial takes, by the size of the pack.
        size: The number of trials to step together.

    """

    batch_seconds: Mapping[int, float]
    size: int


def calibrate(
    host: Host,
    config: TrialConfig,
    *,
    sizes: Sequence[int] = SIZES,
    steps: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> Calibration:
    """Step packs of copies of one trial on real rows, each size for a few batches after one that does not count.

    A size that does not fit into memory ends the ladder.

    Args:
        host: Its base is bare.
        config: A typical trial; only the seed differs between its copies.
        sizes: Tried in this order, rising, 1 first.
        steps: Batches of every trial that are timed.
        clock: Read before and after them.

    Returns:
        The times, and the most useful size of those that fit; 1 if not even one does.

    """
    batch_seconds: dict[int, float] = {}
    for size in sizes:
        seconds = _seconds(host, config, size=size, steps=steps, clock=clock)
        if seconds is None:
            _log.info("%d trials can't be stepped together here", size)
            break
        batch_seconds[size] = seconds / (steps * size)
    rates = {size: config.training.batch / seconds for size, seconds in batch_seconds.items()}
    return Calibration(batch_seconds, useful_size(rates))


def useful_size(rates: Mapping[int, float]) -> int:
    """Choose the size of a pack.

    Args:
        rates: Rows that the device trains per second, by size; that of 1 is among them, unless there is none.

    Returns:
        The smallest size whose rate is within 5 % of the best, and 1 where packing gains less than 10 %.

    """
    best = max(rates.values(), default=0.0)
    if not rates or best < (1 + _LEAST_GAIN) * rates[1]:
        return 1
    return min(size for size, rate in rates.items() if rate >= (1 - _NEAR_BEST) * best)


def _seconds(host: Host, config: TrialConfig, *, size: int, steps: int, clock: Callable[[], float]) -> float | None:
    """Time some batches of a pack; ``None`` if they can't be taken together."""
    pack = Pack(host, slots=size)
    for number in range(size):
        pack.add(_endless(config, steps=steps, seed=config.training.seed + number))
    if not _take(pack, host, size=size):
        return None
    started = clock()
    for _ in range(steps):
        if not _take(pack, host, size=size):
            return None
    return clock() - started


def _take(pack: Pack, host: Host, *, size: int) -> bool:
    """Take a batch of every trial and wait for the device; tell whether they were taken together."""
    failed = any(isinstance(outcome, Failed) for outcome in pack.step())
    if host.base.device.type == "cuda":
        torch.cuda.synchronize(host.base.device)
    return not failed and pack.most_together == size


def _endless(config: TrialConfig, *, steps: int, seed: int) -> TrialConfig:
    """Give a trial that has no report among the first steps."""
    longer = {"steps": max(config.training.steps, steps + 2), "accumulation": 1, "rungs": (), "seed": seed}
    return config.model_copy(update={"training": config.training.model_copy(update=longer)})
