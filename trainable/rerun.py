"""What runs a confirmation in a worker: settings are trained again with another seed, and scored on kept-back rows."""

from __future__ import annotations

import faulthandler
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from spaces.trial import TrialConfig
from trainable.checkpoints import CheckpointPlace, read_attempt, write_attempt
from trainable.errors import ModelError
from trainable.host import HeldBack, forget_host, host_for
from trainable.messages import CHECKPOINT_KEY, ENDING_KEY, STEP_KEY, TRIAL_KEY, report_result
from trainable.reason import reason_of
from trainable.report import TrialReport
from trainable.trial import Trial

_log = logging.getLogger(__name__)


class Rerun:
    """Trains and scores runs, one after another, on one warm base. It knows no Ray, which makes an actor of it.

    A failure is a result, as in ``RayTrial``. A run is what a trial of the search would be: rungs are where it saves
    its state, so that an interruption costs no more than the steps since the last one; nothing is scored there.
    """

    def __init__(self) -> None:
        self._trial: Trial | None = None
        self._config: TrialConfig | None = None

    def hello(self) -> None:
        """Answer, so that the driver knows that the process is there."""

    def train(self, told: Mapping[str, str]) -> dict[str, Any]:
        """Train a run until its next rung or its last step, and save its state.

        Args:
            told: Its config, whose number is the run's, and the place of its checkpoint; what a trial is told.

        Returns:
            The step that was reached; or why the run failed.

        """
        config, place = _read(told)
        return self._result(config, lambda: self._train(config, place))

    def score(self, told: Mapping[str, str], split: HeldBack) -> dict[str, Any]:
        """Score a run at its last step on all rows of a split; one whose state is lost is trained again.

        Returns:
            A report with predictions, as of a trial's last one; or why the run failed.

        """
        config, place = _read(told)
        return self._result(config, lambda: self._score(config, place, split))

    def _train(self, config: TrialConfig, place: CheckpointPlace | None) -> dict[str, Any]:
        trial = self._opened(config, place)
        if not trial.is_finished:
            trial.train()
            write_attempt(place, config, _report(config, trial, metrics={}), trial.state_dict())
        return {STEP_KEY: trial.step}

    def _score(self, config: TrialConfig, place: CheckpointPlace | None, split: HeldBack) -> dict[str, Any]:
        trial = self._opened(config, place)
        while not trial.is_finished:
            self._train(config, place)
        found = trial.score(host_for(config.model, config.data).held_back_rows(split))
        return report_result(_report(config, trial, metrics=found.scores, predictions=found.predictions))

    def _opened(self, config: TrialConfig, place: CheckpointPlace | None) -> Trial:
        """Give the run's trial, where its state says or where it is."""
        if self._trial is not None and self._config == config:
            return self._trial
        self.close()
        torch.set_num_threads(max(1, int(config.training.resources.cpus)))
        self._trial, self._config = Trial(config, host_for(config.model, config.data)), config
        if (saved := read_attempt(place, config)) is not None:
            self._trial.load_state_dict(saved[1])
        return self._trial

    def close(self) -> None:
        """Take the run's adapter off the base."""
        if self._trial is None:
            return
        trial, self._trial, self._config = self._trial, None, None
        try:
            trial.close()
        except ModelError:
            _log.exception("the base is loaded anew")
            forget_host()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _result(self, config: TrialConfig, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            with _limited(config.training.time_limit):
                return act()
        except Exception as error:  # as in ``RayTrial``: a failure is a recorded ending
            _log.warning("run %d failed: %s", config.number, traceback.format_exc())
            self.close()
            return {ENDING_KEY: reason_of(error)}


@contextmanager
def _limited(limit: float | None) -> Iterator[None]:
    """End the process, whatever it hangs in, after so many seconds."""
    if limit is not None:
        faulthandler.dump_traceback_later(limit, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _read(told: Mapping[str, str]) -> tuple[TrialConfig, CheckpointPlace | None]:
    place = told.get(CHECKPOINT_KEY)
    return (
        TrialConfig.model_validate_json(told[TRIAL_KEY]),
        CheckpointPlace.model_validate_json(place) if place else None,
    )


def _report(config: TrialConfig, trial: Trial, **found: Any) -> TrialReport:
    return TrialReport(
        step=trial.step,
        progress=trial.step / config.training.steps,
        seconds=trial.seconds,
        losses={},
        weights={},
        weighted={},
        exposure={},
        **found,
    )
