"""Optuna studies that last as long as the process, for simulations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial
from typing_extensions import override

from search.study import Studies
from spaces.metrics import Direction


class _Attributes(dict[str, Any]):
    """Attributes of a trial; a deep copy shares their values, which nobody changes in place."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Attributes:
        return _Attributes(self)


class QuickStorage(InMemoryStorage):
    """Optuna's storage in memory, without a copy of the whole trial for each attribute that is set.

    Optuna copies so that a trial that one thread holds does not change under it. A simulation has one thread, which
    asks the storage anew for each trial that it reads; a running trial that was handed out before sees attributes that
    are set later.
    """

    @override
    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        trial_id = super().create_new_trial(study_id, template_trial)
        trial = self.get_trial(trial_id)
        trial.user_attrs = _Attributes(trial.user_attrs)
        return trial_id

    @override
    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        trial = self.get_trial(trial_id)
        self.check_trial_is_updatable(trial_id, trial.state)
        trial.user_attrs[key] = value


def memory_studies(directions: Sequence[Direction]) -> Studies:
    """Give new studies of one thread that last as long as the process.

    Args:
        directions: Of the objectives.

    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return Studies(
        optuna.create_study(storage=QuickStorage(), directions=list(directions)),
        optuna.create_study(storage=QuickStorage(), direction="maximize"),
    )
