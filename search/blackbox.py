"""Finished sweeps as black boxes: what their trials reported, served again to a simulated sweep.

Two uses. *Replay* gives every trial the curve that the recorded trial of its number had, so that another pruner can be
asked about the very same trials. *Nearest* gives a trial with any settings the curve of the recorded complete trial
whose settings are nearest. That is a table, not a model: its landscape is made of plateaus, it has no other scores than
the recorded ones, two trials on one plateau report the same noise, and no search in it can find a better front than
that of the recorded sweep. It compares samplers and pruners on real curves; it says nothing about settings that were
never tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results.pareto import nondominated
from results.reader import SweepTables, last_attempts, read_sweep
from results.schema import State
from search.errors import RecordError
from search.memory_study import memory_studies
from search.pruners import Pruner
from search.simulator import MemoryRecord, Reports, SimulatedFailure, completed, simulate
from search.spec import PrunerConfig, SamplerConfig, SweepSpec
from search.sweep_spec import spec_of
from spaces import Point, Scalar, SearchSpace, TrialConfig, leaves
from spaces.domains import Choice, Domain
from trainable.report import TrialReport

_UNKNOWN = "recorded: no such trial has ended"


@dataclass(frozen=True)
class RecordedTrial:
    """A trial as a record holds it.

    Attributes:
        number: Its number in the study.
        params: Its settings; ``None`` or absent where one played no part.
        reports: Of its last attempt, by rising step, with the exposures and seconds that were recorded.
        seconds: From the start of that attempt to its end; a sweep's record knows the last report, and no end after it.
        state: How it ended.
        reason: Why.

    """

    number: int
    params: Mapping[str, Scalar | None]
    reports: tuple[TrialReport, ...]
    seconds: float
    state: State
    reason: str

    def again(self) -> Reports:
        """Give its reports, and after the last one of a trial that did not run to its end, a failure."""
        yield from self.reports
        if self.state != "COMPLETE":
            yield SimulatedFailure(f"recorded: {self.reason}", self.seconds)


class Blackbox:
    """The trials of a finished sweep.

    Args:
        spec: The sweep's.
        trials: All that ended.

    """

    def __init__(self, spec: SweepSpec, trials: Sequence[RecordedTrial]) -> None:
        self.spec = spec
        self.trials: Mapping[int, RecordedTrial] = {trial.number: trial for trial in trials}

    def completed(self) -> Sequence[RecordedTrial]:
        """Give the trials that ran to the last step, by number."""
        return [trial for _, trial in sorted(self.trials.items()) if trial.state == "COMPLETE"]

    def finals(self) -> NDArray[np.float64]:
        """Give the final objectives of the completed trials, as they were measured, of shape ``[n, objectives]``."""
        rows = [[each.reports[-1].metrics[metric] for metric in self._metrics] for each in self.completed()]
        return np.array(rows).reshape(-1, len(self._metrics))

    def front(self) -> tuple[int, ...]:
        """Give the numbers of the completed trials that no other one dominates."""
        kept = nondominated(self.finals(), [objective.direction for objective in self.spec.objectives])
        return tuple(trial.number for trial, is_kept in zip(self.completed(), kept, strict=True) if is_kept)

    def again(self, config: TrialConfig) -> Reports:
        """Give what the recorded trial of the same number reported: a landscape for replays.

        A trial that was stopped or failed in the record fails where its curve ends, since nobody knows the rest.
        """
        trial = self.trials.get(config.number)
        return trial.again() if trial else iter([SimulatedFailure(_UNKNOWN, 0.0)])

    @property
    def _metrics(self) -> Sequence[str]:
        return [objective.metric for objective in self.spec.objectives]


@dataclass(frozen=True)
class Replay:
    """What a pruner makes of the trials of a finished sweep.

    Attributes:
        record: All that was decided.
        stopped: Numbers of the trials that it stops although the record holds them to their end, by number.
        lost: Those of them that are on the recorded front.
        spent_s: Seconds that the trials take.
        recorded_s: Seconds that they took in the record.

    """

    record: MemoryRecord
    stopped: tuple[int, ...]
    lost: tuple[int, ...]
    spent_s: float
    recorded_s: float


def read_blackbox(folder: Path) -> Blackbox:
    """Read a finished sweep's folder.

    Raises:
        ResultsError: If the folder is no sweep, a part is damaged, or a newer paretune wrote it.

    """
    tables = read_sweep(folder)
    reports = _reports_by_trial(tables)
    params = list(tables.columns.params)
    trials: list[RecordedTrial] = []
    for row in tables.trials.to_dict("records"):
        curve = reports.get(int(row["trial"]), ())
        trials.append(
            RecordedTrial(
                number=int(row["trial"]),
                params={key: _plain(row[f"param.{key}"]) for key in params},
                reports=curve,
                seconds=curve[-1].seconds if curve else 0.0,
                state=row["state"],
                reason=row["reason"],
            )
        )
    return Blackbox(spec_of(folder), trials)


def replay(blackbox: Blackbox, config: PrunerConfig, *, pruner: Pruner | None = None) -> Replay:
    """Ask another pruner about the trials of a finished sweep, in their order and with their settings.

    Hub, audit group, constraints and number of workers are those of the sweep; limits of its time are left out. What
    is stopped early frees its worker for the next recorded trial, so trials may overlap otherwise than they did.

    Args:
        blackbox: The finished sweep.
        config: Names the pruner, and says how large the audit group is.
        pruner: Asked in place of the one that is named.

    Raises:
        RecordError: If no trial of the record ran to its end.

    """
    if not blackbox.completed():
        raise RecordError("no trial of the record ran to its end, so no pruner can be judged by it")
    search = blackbox.spec.search
    count = max(blackbox.trials) + 1
    update = {"pruner": config, "sampler": SamplerConfig(name="random"), "trials": count, "gpu_hours": None}
    spec = blackbox.spec.model_copy(update={"search": search.model_copy(update=update)})
    studies = memory_studies([objective.direction for objective in spec.objectives])
    for number in range(count):
        trial = blackbox.trials.get(number)
        studies.main.enqueue_trial(_drawn(spec.space, trial.params) if trial else {})
    record = simulate(spec, blackbox.again, pruner=pruner, studies=studies, timer=lambda: 0.0)
    ended = {each.config.number for each in completed(record)}
    stopped = tuple(trial.number for trial in blackbox.completed() if trial.number not in ended)
    return Replay(
        record=record,
        stopped=stopped,
        lost=tuple(number for number in blackbox.front() if number in stopped),
        spent_s=record.spent_s,
        recorded_s=sum(trial.seconds for trial in blackbox.trials.values()),
    )


class Nearest:
    """A landscape that answers with the curve of the recorded complete trial whose settings are nearest.

    The distance is Euclidean over the dimensions of the recorded sweep's space. A range is scaled to length 1, in the
    logarithm where it is drawn so; two different choices, and a dimension that plays a part in only one of the two
    trials, are 1 apart. Of several nearest trials the one with the smallest number answers.

    Args:
        blackbox: The finished sweep.

    Raises:
        RecordError: If no trial of the record ran to its end.

    """

    def __init__(self, blackbox: Blackbox) -> None:
        self._space, self._trials = blackbox.spec.space, blackbox.completed()
        if not self._trials:
            raise RecordError("no trial of the record ran to its end, so none can answer for others")
        self._places = np.array([self._place(trial.params) for trial in self._trials])
        is_choice = [isinstance(domain, Choice) for domain in self._space.dimensions.values()]
        self._is_choice = np.array(is_choice, dtype=bool)

    def __call__(self, config: TrialConfig) -> Reports:
        """Give the reports of the nearest recorded trial."""
        return self.of(config).again()

    def of(self, config: TrialConfig) -> RecordedTrial:
        """Give the nearest recorded trial."""
        place = self._place(self._space.used(_point_of(config)))
        apart = np.abs(self._places - place)
        apart[self._is_choice & (apart > 0)] = 1.0
        apart[np.isnan(self._places) != np.isnan(place)] = 1.0
        return self._trials[int(np.argmin(np.nansum(apart**2, axis=1)))]

    def _place(self, params: Mapping[str, Scalar | None]) -> list[float]:
        """Give the coordinates of settings, NaN where a dimension plays no part."""
        return [_coordinate(domain, params.get(key)) for key, domain in self._space.dimensions.items()]


def _coordinate(domain: Domain, value: Scalar | None) -> float:
    if value is None:
        return math.nan
    if isinstance(domain, Choice):
        places = [place for place, own in enumerate(domain.values) if type(own) is type(value) and own == value]
        return float(places[0]) if places else -1.0
    low, high, at = float(domain.low), float(domain.high), float(value)
    if domain.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return (at - low) / (high - low)


def _point_of(config: TrialConfig) -> Point:
    return {key: reduce(getattr, key.split("."), config) for key in leaves()}  # type: ignore[misc]


def _drawn(space: SearchSpace, params: Mapping[str, Scalar | None]) -> dict[str, Scalar]:
    """Give the settings that a sampler would have drawn."""
    return {
        key: value
        for key, domain in space.dimensions.items()
        if (value := params.get(key)) is not None and domain.holds(value)
    }


def _reports_by_trial(tables: SweepTables) -> Mapping[int, tuple[TrialReport, ...]]:
    reports = last_attempts(tables.reports).drop_duplicates(["trial", "step"], keep="last")
    rows = reports.sort_values(["trial", "step"]).to_dict("records")
    found: dict[int, list[TrialReport]] = {}
    for row in rows:
        found.setdefault(int(row["trial"]), []).append(
            TrialReport(
                step=int(row["step"]),
                progress=float(row["progress"]),
                seconds=float(row["seconds"]),
                metrics=_group(row, "metric", tables.columns.metrics),
                losses={},
                weights={},
                weighted={},
                exposure=_group(row, "exposure", tables.columns.tasks),
            )
        )
    return {number: tuple(each) for number, each in found.items()}


def _group(row: Mapping[Any, Any], prefix: str, names: Sequence[str]) -> dict[str, float]:
    cells: Iterator[tuple[str, Any]] = ((name, row.get(f"{prefix}.{name}")) for name in names)
    return {name: float(value) for name, value in cells if value is not None and not math.isnan(value)}


def _plain(value: Any) -> Scalar | None:
    """Give a table's cell as a plain value."""
    if value is None or pd.isna(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
