"""A worker that is gone: by itself, with its node, with all of Ray, or by a signal to all processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.exceptions import ActorUnavailableError
from ray.tune.experiment import Trial
from typing_extensions import override

from search.hub import Hub
from search.scheduler import HubScheduler
from search.searcher import NUMBER_KEY
from search.storage_fault import StorageGuard


class GuardedScheduler(HubScheduler):
    """Lets the hub hear of a lost worker only if that is all that was lost; its trial is taken up again otherwise.

    Args:
        hub: Of the sweep.
        guard: Knows when the disk or the database failed.
        check: Raises if Ray is gone.
        is_interrupted: Whether a signal arrived, which workers may have got too.
        is_over: Whether the sweep should stop: trials that wait for room are not started then.

    """

    def __init__(
        self,
        hub: Hub,
        guard: StorageGuard,
        *,
        check: Callable[[], None],
        is_interrupted: Callable[[], bool],
        is_over: Callable[[], bool],
    ) -> None:
        super().__init__(hub, guard)
        self._check, self._is_interrupted, self._is_over = check, is_interrupted, is_over

    @override
    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        self._check()
        if self._is_interrupted():
            return
        _show_error(trial)
        if isinstance(trial.get_pickled_error(), ActorUnavailableError):
            # the process is out of reach, and no raylet lives to say that it died: what a lost node looks like at first
            with self._guard:
                self._hub.lose(trial.config[NUMBER_KEY], "its node can't be reached", loss="node lost")
        else:
            super().on_trial_error(tune_controller, trial)

    @override
    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        if not self._is_over():
            return super().choose_trial_to_run(tune_controller)
        for trial in tune_controller.get_trials():
            if trial.status == Trial.PENDING:
                trial.init_local_path()  # which Ray reads at the end, and makes only when a trial starts
                tune_controller.stop_trial(trial)
        return None


def _show_error(trial: Trial) -> None:
    """Put a trial's error where ``trial.get_pickled_error`` looks for it; Ray takes it there later, if at all."""
    written = trial.pickled_error_file
    if written and Path(written).exists() and trial.storage:
        seen = Path(trial.storage.trial_fs_path) / Path(written).name
        seen.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(written, seen)
