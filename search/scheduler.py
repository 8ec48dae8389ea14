"""Ray Tune's results, put to the hub; its decisions, told to Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from typing_extensions import override

from search.hub import Hub, Loss
from search.searcher import NUMBER_KEY
from search.storage_fault import StorageGuard
from trainable.messages import ENDING_KEY, ending_of, report_of

_LONGEST_REASON = 300
_NODE_SIGNS = ("node died", "node has died", "its node", "was terminated", "node failure", "node is dead")
"""What Ray says of an actor whose node went away."""


class HubScheduler(FIFOScheduler):
    """Stateless. A trial never says that it is done, so every result comes through here, the last one too."""

    _supports_buffered_results = False

    def __init__(self, hub: Hub, guard: StorageGuard) -> None:
        super().__init__()
        self._hub, self._guard = hub, guard

    @override
    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        number = trial.config[NUMBER_KEY]
        with self._guard:
            if ENDING_KEY in result:
                self._hub.fail(number, ending_of(result))
                return FIFOScheduler.STOP
            decision = self._hub.report(number, report_of(result))
        return FIFOScheduler.CONTINUE if decision.verdict == "CONTINUE" else FIFOScheduler.STOP

    @override
    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        with self._guard:
            self._hub.lose(trial.config[NUMBER_KEY], _last_words(trial), loss=loss_of(trial.get_pickled_error()))

    def __getstate__(self) -> dict[str, Any]:
        return {}


def loss_of(error: BaseException | None) -> Loss:
    """Say what took a worker, by Ray's error: its node was taken away or lost, or it died itself."""
    if getattr(error, "preempted", False):
        return "preempted"
    words = str(error).lower()
    return "node lost" if "node" in words and any(sign in words for sign in _NODE_SIGNS) else "worker died"


def _last_words(trial: Trial) -> str:
    """Give the last line of what Ray noted about an actor that died."""
    path = trial.error_file
    lines = Path(path).read_text(errors="replace").strip().splitlines() if path else []
    return lines[-1].strip()[:_LONGEST_REASON] if lines else "the process that ran the trial is gone"
