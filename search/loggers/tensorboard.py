"""TensorBoard: one folder of event files for each run below ``tensorboard`` in the sweep's folder."""

from __future__ import annotations

import time
from typing import Any

from ray.tune.logger.tensorboardx import TBXLoggerCallback
from tensorboardX import SummaryWriter
from tensorboardX.proto import api_pb2, plugin_hparams_pb2
from tensorboardX.summary import hparams
from typing_extensions import override

_PREFIX = "ray/tune/"
_STATUS = {"COMPLETE": "STATUS_SUCCESS", "PRUNED": "STATUS_UNKNOWN", "FAIL": "STATUS_FAILURE"}
"""TensorBoard's word for an ending; it has none for a stopped trial."""


class _Writer(SummaryWriter):
    """Leaves out the ``ray/tune/`` that Ray puts before every name: TensorBoard groups scalars by their first part.

    Each has a file of its own: tensorboardX names files by the second, and two of one second would be one file, with
    what the first wrote lost.
    """

    def __init__(self, logdir: str, **settings: Any) -> None:
        super().__init__(logdir, filename_suffix=f".{time.time_ns()}", **settings)

    @override
    def add_scalar(self, tag: str, *values: Any, **settings: Any) -> None:
        super().add_scalar(tag.removeprefix(_PREFIX), *values, **settings)


class TensorBoardLogger(TBXLoggerCallback):
    """Ray's callback; a trial that was stopped is not shown as a success, and its state is a hyperparameter."""

    def __init__(self) -> None:
        super().__init__()
        self._summary_writer_cls = _Writer

    @override
    def _try_log_hparams(self, trial: Any, result: dict[str, Any]) -> None:
        if trial.ending is None:  # it goes on in another file
            return
        scores = {
            name.removeprefix(_PREFIX): value for name, value in result.items() if name.startswith(f"{_PREFIX}metric/")
        }
        params = {**trial.evaluated_params, "state": trial.state}
        writer = self._trial_writer[trial]
        *begun, end = hparams(hparam_dict=params, metric_dict=scores)
        messages: Any = plugin_hparams_pb2  # generated, without types
        status = messages.SessionEndInfo(status=_status(trial.state))
        data = end.value[0].metadata.plugin_data
        data.content = messages.HParamsPluginData(session_end_info=status, version=0).SerializeToString()
        for summary in (*begun, end):
            writer._get_file_writer().add_summary(summary)
        writer.add_text("ending", f"{trial.state}: {trial.reason}")


def _status(state: str) -> int:
    messages: Any = api_pb2
    return messages.Status.Value(_STATUS[state])
