"""What Ray is told by environment variables; it reads some of them when it is imported. Standard library only."""

from __future__ import annotations

import os

_SETTINGS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",  # a job's working folder would be a second one, which Ray refuses
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray takes 127.0.0.1 for the address of its node, as it does on Windows and macOS, and listens nowhere else."""


def set_up_ray(address: str) -> None:
    """Set what Ray reads; call it before Ray is imported.

    Args:
        address: Of the cluster to join; with ``local`` Ray serves this machine alone.

    """
    os.environ.update(_SETTINGS if address != "local" else _SETTINGS | _LOOPBACK)
