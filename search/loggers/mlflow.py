"""MLflow: one run for each trial in an experiment that is called as the sweep's folder."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

from mlflow.entities import Metric
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.utils import flatten_dict
from typing_extensions import override

_STATUS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED", "SUSPENDED": "SCHEDULED"}
_RUN_TAG, _STATE_TAG, _REASON_TAG = "paretune.run", "paretune.state", "paretune.reason"


class MLflowLogger(MLflowLoggerCallback):
    """Ray's callback; goes on with the run of a trial after ``resume``, and tells its state in MLflow's words.

    The server is that of ``MLFLOW_TRACKING_URI``, else the file ``mlflow.db`` in the sweep's folder.
    """

    def __init__(self, folder: Path) -> None:
        logging.getLogger("mlflow").setLevel(logging.WARNING)  # it would tell of every table that it makes
        super().__init__(
            tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder}/mlflow.db",
            experiment_name=os.environ.get("MLFLOW_EXPERIMENT_NAME") or folder.name,
        )

    @override
    def log_trial_start(self, trial: Any) -> None:
        client = self.mlflow_util._get_client()
        if trial not in self._trial_runs:
            found = client.search_runs(
                [str(self.mlflow_util.experiment_id)], f"tags.`{_RUN_TAG}` = '{trial.trial_id}'", max_results=1
            )
            for run in found:
                self._trial_runs[trial] = run.info.run_id
                client.update_run(run.info.run_id, status="RUNNING")
        self.tags = {_RUN_TAG: trial.trial_id}
        super().log_trial_start(trial)

    @override
    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log all numbers at once; Ray's callback asks the server for each of them."""
        numbers = self.mlflow_util._parse_dict(flatten_dict(result))
        now = int(time.time() * 1000)
        self.mlflow_util._get_client().log_batch(
            self._trial_runs[trial],
            metrics=[Metric(name, value, now, iteration) for name, value in numbers.items()],
        )

    @override
    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        client, run_id = self.mlflow_util._get_client(), self._trial_runs.pop(trial)
        client.set_tag(run_id, _STATE_TAG, trial.state)
        client.set_tag(run_id, _REASON_TAG, trial.reason)
        if trial.ending is None:
            client.update_run(run_id, status=_STATUS[trial.state])
        else:
            client.set_terminated(run_id, status=_STATUS[trial.state])
