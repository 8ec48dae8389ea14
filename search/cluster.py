"""Starts Ray so that its workers find our packages and nobody else's."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from search.spec import SweepSpec

_SETTINGS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
_OBJECT_STORE_BYTES = 100 * 2**20


@contextmanager
def local_ray(spec: SweepSpec) -> Iterator[Path]:
    """Start a Ray of our own on this machine, and stop it.

    Ray puts the driver's folder first on the import path of every worker, so a user's ``search.py`` there would win
    over ours; giving the job an empty working folder turns that off. The address ``local`` keeps Ray from joining a
    cluster that happens to run here.

    Args:
        spec: Its trials need ``trial.resources`` each, ``search.concurrency`` at once.

    Yields:
        A temporary folder for Ray's own files, which nothing is ever read back from.

    """
    os.environ.update(_SETTINGS)
    import ray  # after its settings, which it reads when it is imported

    # it would list failed trials with their tracebacks; the record has them with their reasons
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)

    resources = spec.trial.resources
    threads = str(max(1, int(resources.cpus)))
    with tempfile.TemporaryDirectory(prefix="paretune-") as scratch:
        empty = Path(scratch) / "empty"
        empty.mkdir()
        ray.init(
            address="local",
            num_cpus=max(os.cpu_count() or 1, int(resources.cpus * spec.search.concurrency)),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_OBJECT_STORE_BYTES,
            runtime_env={
                "working_dir": str(empty),
                "env_vars": {
                    "OMP_NUM_THREADS": threads,
                    "MKL_NUM_THREADS": threads,
                    "OPENBLAS_NUM_THREADS": threads,
                    "TOKENIZERS_PARALLELISM": "false",
                },
            },
        )
        try:
            yield Path(scratch) / "ray"
        finally:
            ray.shutdown()
