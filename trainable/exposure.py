"""How much of the signal that a trial plans for a task it has had so far."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from spaces.mixture import MixtureConfig, TermName
from spaces.optimizer import OptimizerConfig
from trainable.data.records import Task
from trainable.losses import make_terms


def planned_exposure(
    task: Task,
    *,
    optimizer: OptimizerConfig,
    mixture: MixtureConfig,
    task_share: Callable[[Task, float], float],
    steps: int,
) -> list[float]:
    """Give the exposure of a task after every optimizer step, known before the first.

    The signal of a step is its learning rate times the summed weights of the terms that measure the task times the
    task's share of the rows drawn; the exposure is its sum so far, divided by the sum over the trial. Trials whose
    curricula differ are compared at equal exposure rather than at equal steps. An adaptive weighting's multipliers
    can't be planned and are left out.

    Args:
        task: ``grounding`` or ``text``.
        optimizer: Gives the learning rates.
        mixture: Gives the weights.
        task_share: Share of a task's rows at a progress in 0–1.
        steps: Of the trial.

    Returns:
        ``steps`` numbers in [0, 1] that never fall and end at 1; the progress if no signal is planned.

    """
    serving: list[TermName] = [name for name, term in make_terms(mixture).items() if term.serves == task]
    signals: list[float] = []
    for step in range(steps):
        progress = (step + 0.5) / steps
        weights = mixture.weights_at(progress)
        weight = sum(weights[name] for name in serving)
        signals.append(optimizer.rate_at(step, steps=steps) * weight * task_share(task, progress))
    sums = list(accumulate(signals))
    if not sums[-1] > 0:
        return [(step + 1) / steps for step in range(steps)]
    return [value / sums[-1] for value in sums]
