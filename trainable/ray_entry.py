"""What Ray runs in a worker: one warm process, one trial after another."""

from __future__ import annotations

import faulthandler
import logging
import traceback
from typing import Any

import torch
from ray import tune
from typing_extensions import override

from spaces.trial import TrialConfig
from trainable.checkpoints import CheckpointPlace, read_attempt, write_attempt
from trainable.errors import ModelError
from trainable.host import forget_host, host_for
from trainable.messages import CHECKPOINT_KEY, ENDING_KEY, TRIAL_KEY, report_result
from trainable.reason import reason_of
from trainable.report import TrialReport
from trainable.trial import Trial

_log = logging.getLogger(__name__)


class RayTrial(tune.Trainable):
    """Steps from rung to rung. With ``reuse_actors`` the base is loaded once and serves every trial of the worker.

    A failure is a result, not an exception: an exception would cost the worker and its base. A trial that gives no
    report for longer than its limit of time ends its process, whatever it hangs in; the driver hears of that.
    """

    @override
    def setup(self, config: dict[str, Any]) -> None:
        self._config = TrialConfig.model_validate_json(config[TRIAL_KEY])
        place = config.get(CHECKPOINT_KEY)
        self._place = CheckpointPlace.model_validate_json(place) if place else None
        self._trial: Trial | None = None
        torch.set_num_threads(max(1, int(self._config.training.resources.cpus)))

    @override
    def step(self) -> dict[str, Any]:
        limit = self._config.training.time_limit
        if limit is not None:
            faulthandler.dump_traceback_later(limit, exit=True)
        try:
            report = None
            if self._trial is None:
                self._trial = Trial(self._config, host_for(self._config.model, self._config.data))
                report = self._go_on(self._trial)
            while report is None or report.step <= self._config.from_step:  # steps that were reported before
                report = self._trial.advance()
                self._keep(self._trial, report)
            return report_result(report)
        except Exception as error:  # the one place that turns any failure into a recorded ending
            _log.warning("trial %d failed: %s", self._config.number, traceback.format_exc())
            return {ENDING_KEY: reason_of(error)}
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _go_on(self, trial: Trial) -> TrialReport | None:
        """Go on from the checkpoint of an attempt that was interrupted; without one it trains its steps again."""
        saved = read_attempt(self._place, self._config)
        if saved is None:
            return None
        report, state = saved
        trial.load_state_dict(state)
        return report

    def _keep(self, trial: Trial, report: TrialReport) -> None:
        if self._place is not None:
            write_attempt(self._place, self._config, report, trial.state_dict())

    @override
    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self.setup(new_config)
        return True

    @override
    def cleanup(self) -> None:
        if self._trial is not None:
            trial, self._trial = self._trial, None
            try:
                trial.close()
            except ModelError:
                _log.exception("trial %d: the base is loaded anew", self._config.number)
                forget_host()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
