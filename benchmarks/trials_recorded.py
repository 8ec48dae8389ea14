"""A trial of paretune as it is, with its loss noted at every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from trials_baseline import Outcome

from spaces import TrialConfig
from trainable.host import Host
from trainable.losses import Mixture
from trainable.trial import Trial


@contextmanager
def noted_losses() -> Iterator[list[float]]:
    """Collect the loss of every step that any trial of this process takes meanwhile."""
    losses: list[float] = []
    observe = Mixture.observe

    def observed(mixture: Mixture, sums: Mapping[Any, Any]) -> None:
        losses.append(sum(part.weighted for part in sums.values()))
        observe(mixture, sums)

    Mixture.observe = observed
    try:
        yield losses
    finally:
        Mixture.observe = observe


def train_and_score_warm(config: TrialConfig, host: Host) -> Outcome:
    """Run a trial to its only report on a host that others have used or will use."""
    trial = Trial(config, host)
    try:
        with noted_losses() as losses:
            report = trial.advance()
    finally:
        trial.close()
    return Outcome(losses, dict(report.metrics))
