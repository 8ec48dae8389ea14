"""Whether the loggers of a sweep can log, asked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from search.errors import CheckError
from search.spec import LoggerName

EXTRAS: Mapping[LoggerName, str] = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
"""By logger, which is also the name of the extra that installs it, the package that it needs."""

_NO_SERVER = ("offline", "disabled")


def check_loggers(names: Sequence[LoggerName]) -> None:
    """Accept loggers whose packages are installed, and Weights & Biases only with a key or without its server.

    Raises:
        CheckError: If one can't log; says what to install or to set.

    """
    faults = [
        f"search.loggers: {name} needs the package {EXTRAS[name]}, which is not installed; "
        f"pip install 'paretune[{name}]', or remove {name}"
        for name in names
        if find_spec(EXTRAS[name]) is None
    ]
    if not faults and "wandb" in names and not _has_credentials():
        faults.append(
            "search.loggers: wandb has no key of your account; run 'wandb login', or set WANDB_API_KEY, "
            "or set WANDB_MODE=offline to log to files in the sweep's folder"
        )
    if faults:
        raise CheckError("\n".join(faults))


def _has_credentials() -> bool:
    if os.environ.get("WANDB_MODE") in _NO_SERVER or os.environ.get("WANDB_API_KEY"):
        return True
    import wandb  # takes seconds, and is there only if a user wants it

    return bool(wandb.login(prompt=False, verify=False))
