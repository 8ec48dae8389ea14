"""Optuna's storage in a database, with a mirror in memory that answers every question."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.storages._in_memory import _StudyInfo
from optuna.study._study_direction import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from search.study_database import AttrKind, StudyDatabase


class MirroredStorage(InMemoryStorage):
    """Writes to the database first, and then to its mirror; reads the database once.

    It is for the one process that writes the studies: what another one writes after they were opened is not seen.
    Optuna's own storage reads the database several times for each trial that is asked for. What a write gives back is
    what the database would: attributes are plain JSON. A write that fails leaves both as they were.

    Args:
        storage: Where the studies are.
        names: Of the studies that are mirrored, whether they exist yet or not; others are not seen.

    """

    def __init__(self, storage: RDBStorage, *, names: Sequence[str]) -> None:
        super().__init__()
        self._rdb, self._names = storage, frozenset(names)
        self._database = StudyDatabase(storage)
        self._load()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all of the block in one transaction, at its end; if it fails, nothing."""
        try:
            with self._database.transaction():
                yield
        except BaseException:
            self._load()
            raise

    @override
    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        study_id = self._rdb.create_new_study(directions, study_name)
        self._max_study_id = study_id - 1
        return super().create_new_study(directions, self._rdb.get_study_name_from_id(study_id))

    @override
    def delete_study(self, study_id: int) -> None:
        self._rdb.delete_study(study_id)
        super().delete_study(study_id)

    @override
    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._set_attr(study_id, key, value, kind="study user", known=self.get_study_user_attrs(study_id))
        super().set_study_user_attr(study_id, key, _plain(value))

    @override
    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._set_attr(study_id, key, value, kind="study system", known=self.get_study_system_attrs(study_id))
        super().set_study_system_attr(study_id, key, _plain(value))

    @override
    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        self._check_study_id(study_id)
        study = self._studies[study_id]
        trial = copy.copy(template_trial) if template_trial is not None else self._create_running_trial()
        trial.user_attrs, trial.system_attrs = _plain(trial.user_attrs), _plain(trial.system_attrs)
        for name, distribution in trial.distributions.items():
            self._check_kind(study, name, distribution)
        trial_id = self._database.add_trial(study_id, len(study.trials), trial)
        for name, distribution in trial.distributions.items():
            study.param_distribution.setdefault(name, distribution)
        self._max_trial_id = trial_id - 1
        return super().create_new_trial(study_id, trial)

    @override
    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        trial = self._updatable(trial_id)
        if param_name in trial.params:
            return
        self._check_kind(self._study_of(trial_id), param_name, distribution)
        self._database.add_param(trial_id, param_name, param_value_internal, distribution)
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)

    @override
    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        trial = self._updatable(trial_id)
        if state == TrialState.RUNNING and trial.state != TrialState.WAITING:
            return False
        numbers = None if values is None else [float(value) for value in values]
        now = datetime.now()
        self._database.set_state(trial_id, state, numbers or (), now=now)
        super().set_trial_state_values(trial_id, state, numbers)
        changed = self._get_trial(trial_id)  # a copy that nobody has yet
        if state == TrialState.RUNNING:
            changed.datetime_start = now
        elif state.is_finished():
            changed.datetime_complete = now
        return True

    @override
    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        is_new = step not in self._updatable(trial_id).intermediate_values
        self._database.set_point(trial_id, step, intermediate_value, is_new=is_new)
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    @override
    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._set_attr(trial_id, key, value, kind="trial user", known=self._updatable(trial_id).user_attrs)
        super().set_trial_user_attr(trial_id, key, _plain(value))

    @override
    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._set_attr(trial_id, key, value, kind="trial system", known=self._updatable(trial_id).system_attrs)
        super().set_trial_system_attr(trial_id, key, _plain(value))

    def _set_attr(self, owner_id: int, key: str, value: Any, *, kind: AttrKind, known: dict[str, Any]) -> None:
        self._database.set_attrs(owner_id, {key: value}, kind=kind, known=known)

    def _updatable(self, trial_id: int) -> FrozenTrial:
        trial = self._get_trial(trial_id)
        self.check_trial_is_updatable(trial_id, trial.state)
        return trial

    def _study_of(self, trial_id: int) -> _StudyInfo:
        study_id, _ = self._trial_id_to_study_id_and_number[trial_id]
        return self._studies[study_id]

    @staticmethod
    def _check_kind(study: _StudyInfo, name: str, distribution: BaseDistribution) -> None:
        if name in study.param_distribution:
            check_distribution_compatibility(study.param_distribution[name], distribution)

    def _load(self) -> None:
        """Make the mirror anew from the database."""
        super().__init__()
        for found in self._rdb.get_all_studies():
            if found.study_name not in self._names:
                continue
            study = _StudyInfo(found.study_name, list(found.directions))
            study.user_attrs, study.system_attrs = found.user_attrs, found.system_attrs
            study.trials = self._database.trials(found._study_id)
            self._studies[found._study_id] = study
            self._study_name_to_id[found.study_name] = found._study_id
            self._prev_waiting_trial_number[found._study_id] = 0
            for trial in study.trials:
                self._trial_id_to_study_id_and_number[trial._trial_id] = (found._study_id, trial.number)
                for name, distribution in trial.distributions.items():
                    study.param_distribution.setdefault(name, distribution)
                self._update_cache(trial._trial_id, found._study_id)


def _plain(value: Any) -> Any:
    """Give a value as it comes back from a database."""
    return json.loads(json.dumps(value))
