"""Optuna's tables of trials in a database, read and written by plain statements."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from sys import intern
from typing import Any, Literal

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection

AttrKind = Literal["study user", "study system", "trial user", "trial system"]
"""Of what an attribute is, and whose: the user's or Optuna's own."""

_TRIALS = models.TrialModel.__table__
_PARAMS = models.TrialParamModel.__table__
_VALUES = models.TrialValueModel.__table__
_POINTS = models.TrialIntermediateValueModel.__table__
_ATTRS: Mapping[AttrKind, Any] = {
    "study user": models.StudyUserAttributeModel.__table__,
    "study system": models.StudySystemAttributeModel.__table__,
    "trial user": models.TrialUserAttributeModel.__table__,
    "trial system": models.TrialSystemAttributeModel.__table__,
}
_OF_TRIALS: tuple[AttrKind, AttrKind] = ("trial user", "trial system")
_ROWS_AT_ONCE = 1000


class StudyDatabase:
    """Keeps trials where Optuna's ``RDBStorage`` looks for them.

    Optuna maps every row to an object, which costs 2 ms for each write, several of them for each report, and holds
    three times the memory of the trials while they are read. What is written here is the same, and a test compares
    both. It leaves out what Optuna looks up before it writes, so the caller has to know: the numbers of trials, and
    whether a key is new. Each write is a transaction of its own unless it is made in a ``transaction`` block.

    Args:
        storage: With tables of the version that Optuna itself reads.

    """

    def __init__(self, storage: RDBStorage) -> None:
        self._engine: Any = storage.engine
        self._open: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write all of the block at once, at its end; if it fails, nothing. A block inside belongs to the outer one."""
        if self._open is not None:
            yield self._open
            return
        with self._engine.begin() as connection:
            self._open = connection
            try:
                yield connection
            finally:
                self._open = None

    def add_trial(self, study_id: int, number: int, trial: FrozenTrial) -> int:
        """Write a whole trial and give its id; the id and number that it carries do not count."""
        with self.transaction() as connection:
            row = {
                "study_id": study_id,
                "number": number,
                "state": trial.state,
                "datetime_start": _in_utc(trial.datetime_start),
                "datetime_complete": _in_utc(trial.datetime_complete),
            }
            inserted: Any = connection.execute(sa.insert(_TRIALS), row)
            trial_id = int(inserted.inserted_primary_key[0])
            for name, distribution in trial.distributions.items():
                self.add_param(trial_id, name, distribution.to_internal_repr(trial.params[name]), distribution)
            self._add_values(trial_id, trial.values or ())
            for step, value in trial.intermediate_values.items():
                self.set_point(trial_id, step, value, is_new=True)
            self.set_attrs(trial_id, trial.user_attrs, kind="trial user", known=())
            self.set_attrs(trial_id, trial.system_attrs, kind="trial system", known=())
        return trial_id

    def add_param(self, trial_id: int, name: str, internal: float, distribution: BaseDistribution) -> None:
        """Write a parameter that a trial lacks, in Optuna's internal representation."""
        text = distribution_to_json(distribution)
        row = {"trial_id": trial_id, "param_name": name, "param_value": internal, "distribution_json": text}
        with self.transaction() as connection:
            connection.execute(sa.insert(_PARAMS), row)

    def set_attrs(self, owner_id: int, attrs: Mapping[str, Any], *, kind: AttrKind, known: Container[str]) -> None:
        """Write attributes of a study or a trial.

        Args:
            owner_id: Of the study or trial.
            attrs: New values by key; JSON can hold them.
            kind: Of all of them.
            known: Keys that it has already.

        """
        table = _ATTRS[kind]
        owner = table.c["study_id" if kind.startswith("study") else "trial_id"]
        with self.transaction() as connection:
            for key, value in attrs.items():
                if key in known:
                    of_key = sa.update(table).where(owner == owner_id, table.c.key == key)
                    connection.execute(of_key, {"value_json": json.dumps(value)})
                else:
                    row = {owner.name: owner_id, "key": key, "value_json": json.dumps(value)}
                    connection.execute(sa.insert(table), row)

    def set_point(self, trial_id: int, step: int, value: float, *, is_new: bool) -> None:
        """Write a point of a trial's curve; ``is_new`` tells whether the trial lacks it."""
        stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
        cells = {"intermediate_value": stored, "intermediate_value_type": kind}
        with self.transaction() as connection:
            if is_new:
                connection.execute(sa.insert(_POINTS), {"trial_id": trial_id, "step": step, **cells})
            else:
                of_step = sa.update(_POINTS).where(_POINTS.c.trial_id == trial_id, _POINTS.c.step == step)
                connection.execute(of_step, cells)

    def set_state(self, trial_id: int, state: TrialState, values: Sequence[float], *, now: datetime) -> None:
        """Write a trial's new state, with its values if it has any.

        Args:
            trial_id: Of a trial without values.
            state: Its new state.
            values: One for each objective, or none.
            now: When it starts or ends; local time without a zone, as Optuna has it.

        """
        cells: dict[str, Any] = {"state": state}
        if state == TrialState.RUNNING:
            cells["datetime_start"] = _in_utc(now)
        if state.is_finished():
            cells["datetime_complete"] = _in_utc(now)
        with self.transaction() as connection:
            self._add_values(trial_id, values)
            connection.execute(sa.update(_TRIALS).where(_TRIALS.c.trial_id == trial_id), cells)

    def _add_values(self, trial_id: int, values: Sequence[float]) -> None:
        with self.transaction() as connection:
            for objective, value in enumerate(values):
                stored, kind = models.TrialValueModel.value_to_stored_repr(value)
                row = {"trial_id": trial_id, "objective": objective, "value": stored, "value_type": kind}
                connection.execute(sa.insert(_VALUES), row)

    def trials(self, study_id: int) -> list[FrozenTrial]:
        """Read all trials of a study, in the order of their numbers."""
        with self.transaction() as connection:
            params, distributions = self._drawn(connection, study_id)
            values = _by_trial(connection, study_id, _VALUES, "objective", _value)
            points = _by_trial(connection, study_id, _POINTS, "step", _point)
            user, system = (
                _by_trial(connection, study_id, _ATTRS[kind], "key", lambda row: json.loads(row.value_json))
                for kind in _OF_TRIALS
            )
            found = connection.execute(sa.select(_TRIALS).where(_TRIALS.c.study_id == study_id)).all()
        return [
            FrozenTrial(
                number=row.number,
                trial_id=row.trial_id,
                state=row.state,
                value=None,
                values=[values[row.trial_id][at] for at in sorted(values[row.trial_id])] or None,
                datetime_start=_in_local_time(row.datetime_start),
                datetime_complete=_in_local_time(row.datetime_complete),
                params=params[row.trial_id],
                distributions=distributions[row.trial_id],
                user_attrs=user[row.trial_id],
                system_attrs=system[row.trial_id],
                intermediate_values=points[row.trial_id],
            )
            for row in sorted(found, key=lambda row: row.number)
        ]

    def _drawn(
        self, connection: Connection, study_id: int
    ) -> tuple[Mapping[int, dict[str, Any]], Mapping[int, dict[str, BaseDistribution]]]:
        """Give all parameters and their distributions, by trial; distributions of one text are one object."""
        known: dict[str, BaseDistribution] = {}
        params: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        distributions: defaultdict[int, dict[str, BaseDistribution]] = defaultdict(dict)
        for row in _rows(connection, study_id, _PARAMS):
            distribution = known.get(row.distribution_json)
            if distribution is None:
                distribution = known[row.distribution_json] = json_to_distribution(row.distribution_json)
            name = intern(row.param_name)
            params[row.trial_id][name] = distribution.to_external_repr(row.param_value)
            distributions[row.trial_id][name] = distribution
        return params, distributions


def _rows(connection: Connection, study_id: int, table: Any) -> Iterator[Any]:
    """Give the rows of all trials of a study in the order in which they were written, a few at a time."""
    mine = sa.select(table).join(_TRIALS, table.c.trial_id == _TRIALS.c.trial_id).where(_TRIALS.c.study_id == study_id)
    ordered = mine.order_by(*table.primary_key.columns)
    yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(ordered)


def _by_trial(
    connection: Connection, study_id: int, table: Any, key: str, cell: Callable[[Any], Any]
) -> Mapping[int, dict[Any, Any]]:
    """Give the cells of a table by trial and key."""
    found: defaultdict[int, dict[Any, Any]] = defaultdict(dict)
    for row in _rows(connection, study_id, table):
        name = getattr(row, key)
        found[row.trial_id][intern(name) if isinstance(name, str) else name] = cell(row)
    return found


def _value(row: Any) -> float:
    return models.TrialValueModel.stored_repr_to_value(row.value, row.value_type)


def _point(row: Any) -> float:
    kind = row.intermediate_value_type
    return models.TrialIntermediateValueModel.stored_repr_to_intermediate_value(row.intermediate_value, kind)


def _in_utc(local: datetime | None) -> datetime | None:
    """Give a time as Optuna stores it."""
    return None if local is None else local.astimezone(UTC).replace(tzinfo=None)


def _in_local_time(utc: datetime | None) -> datetime | None:
    """Give a time as Optuna's trials have it."""
    return None if utc is None else utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
