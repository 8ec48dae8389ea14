"""Optuna's storage in a database, which writes all parameters of a trial at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility, distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from typing_extensions import override

_Param = tuple[str, float, BaseDistribution, BaseDistribution | None]


class BatchedStorage(RDBStorage):
    """Writes the parameters that a block draws in one transaction, at its end.

    Optuna writes each in a transaction of its own, two dozen for a trial of a large space. A driver that
    dies in the block leaves the trial without these parameters, as one does that dies before the first. Nothing else
    is held back; inside the block the storage does not give the parameters yet, and Optuna's ``Trial`` does.
    """

    _held: dict[int, list[_Param]] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Hold parameters back; if the block fails they are dropped."""
        self._held = {}
        try:
            yield
            for trial_id, params in self._held.items():
                self._write(trial_id, params)
        finally:
            self._held = None

    @override
    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        param = (param_name, param_value_internal, distribution, previous_distribution)
        if self._held is None:
            super()._set_trial_param(trial_id, *param)
        else:
            self._held.setdefault(trial_id, []).append(param)

    def _write(self, trial_id: int, params: list[_Param]) -> None:
        with _create_scoped_session(self.scoped_session) as session, session.no_autoflush:
            state: Any = models.TrialModel.find_or_raise_by_id(trial_id, session).state  # SQLAlchemy says: a column
            self.check_trial_is_updatable(trial_id, state)
            for name, value, distribution, previous in params:
                if previous is None:  # the study is asked whether it knows the parameter
                    self._set_trial_param_without_commit(session, trial_id, name, value, distribution)
                    continue
                check_distribution_compatibility(previous, distribution)
                text = distribution_to_json(distribution)
                session.add(
                    models.TrialParamModel(
                        trial_id=trial_id, param_name=name, param_value=value, distribution_json=text
                    )
                )
