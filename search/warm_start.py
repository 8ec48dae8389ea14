"""Earlier sweeps' trials as what the sampler knows from the start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import FrozenTrial, TrialState, create_trial

from results import ResultsError, SweepTables, last_reports, read_sweep
from search.constraints import Constraints
from search.errors import WarmStartError
from search.recorded_point import NotDrawnError, RecordedPoint, plain, recorded_values
from search.spec import SweepSpec
from search.study_trials import IMPORTED_KEY
from search.sweep_spec import spec_of
from spaces import Scalar, SearchSpace

_MOST_NAMED = 8


@dataclass(frozen=True)
class Carried:
    """What a warm start takes over from one sweep.

    Attributes:
        folder: Of the earlier sweep.
        trials: For the study, in the order of their numbers.
        left: How many trials did not carry over, by reason.

    """

    folder: Path
    trials: Sequence[FrozenTrial]
    left: Mapping[str, int]

    def lines(self) -> list[str]:
        """Say what carried over and what did not."""
        total = len(self.trials) + sum(self.left.values())
        lines = [f"warm start from {self.folder}: {len(self.trials)} of {total} trials carry over"]
        ordered = sorted(self.left.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {count} not: {reason}" for reason, count in ordered[:_MOST_NAMED]]
        rest = sum(count for _, count in ordered[_MOST_NAMED:])
        return lines + ([f"  {rest} not, for other reasons"] if rest else [])


def read_warm_starts(spec: SweepSpec, *, data_hash: str) -> list[Carried]:
    """Read the sweeps of ``search.warm_start``, as far as their trials fit into this one's space.

    A trial carries over if this space could have drawn its point: complete with its scores, stopped ones as stopped.

    Args:
        spec: The new sweep.
        data_hash: Of its rows.

    Raises:
        WarmStartError: If a folder holds no sweep, or its scores were measured under other circumstances.

    """
    return [_read(Path(folder), spec, data_hash=data_hash) for folder in spec.search.warm_start]


def import_trials(study: optuna.Study, carried: Sequence[Carried]) -> None:
    """Put carried trials first into a study, once, also if a driver died over it.

    Args:
        study: Of the new sweep, without trials of its own.
        carried: In the same order as before.

    """
    trials = [trial for one in carried for trial in one.trials]
    for trial in trials[len(study.get_trials(deepcopy=False)) :]:
        study.add_trial(trial)
    study.set_user_attr(IMPORTED_KEY, len(trials))


def _read(folder: Path, spec: SweepSpec, *, data_hash: str) -> Carried:
    try:
        tables, earlier = read_sweep(folder), spec_of(folder)
    except ResultsError as error:
        raise WarmStartError(f"search.warm_start: {error}") from error
    except ValueError as error:
        raise WarmStartError(f"search.warm_start: {folder} was started by another version of paretune") from error
    hashes = {"the data": (tables.metadata.get("data_hash"), data_hash)}
    others = {**_circumstances(spec, earlier), **hashes}
    if differing := [f"{name} ({there} there, {here} here)" for name, (there, here) in others.items() if there != here]:
        raise WarmStartError(
            f"search.warm_start: the scores of {folder} can't be compared with this sweep's: they differ in "
            f"{', '.join(differing)}; remove it, or use the same"
        )
    return _carried(folder, spec, tables)


def _circumstances(spec: SweepSpec, earlier: SweepSpec) -> dict[str, tuple[object, object]]:
    """Give what scores depend on besides the point, there and here, by the key of the sweep file."""
    there, here = (", ".join(sorted(each.metric for each in one.objectives)) for one in (earlier, spec))
    found: dict[str, tuple[object, object]] = {"objectives": (there, here)}
    for section, keys in (
        ("model", ("path", "dtype", "max_pixels")),
        ("data", ("search_share", "confirm_share", "test_share", "split_seed")),
        ("trial", ("steps", "batch", "accumulation", "final_rows", "max_new_tokens")),
    ):
        for key in keys:
            there, here = getattr(getattr(earlier, section), key), getattr(getattr(spec, section), key)
            found[f"{section}.{key}"] = (there, here)
    return found


def _carried(folder: Path, spec: SweepSpec, tables: SweepTables) -> Carried:
    baseline = tables.trials.loc[(tables.trials["role"] == "baseline") & (tables.trials["state"] == "COMPLETE")]
    constraints = Constraints(spec.search.constraints)
    reports = {int(row["trial"]): row for row in _last_reports(tables)}
    if len(baseline):
        constraints.set_baseline(_scores(reports[int(baseline.iloc[0]["trial"])], constraints.metrics))
    trials: list[FrozenTrial] = []
    left: Counter[str] = Counter()
    for row in tables.trials.sort_values("trial").to_dict("records"):
        if row["state"] == "FAIL":
            left["failed there"] += 1
            continue
        try:
            params, distributions = _drawn(spec.space, recorded_values(row))
        except NotDrawnError as reason:
            left[str(reason)] += 1
            continue
        is_complete = row["state"] == "COMPLETE"
        scores = _scores(reports[int(row["trial"])], constraints.metrics) if is_complete else {}
        trials.append(
            create_trial(
                state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
                values=[float(row[f"value.{each.metric}"]) for each in spec.objectives] if is_complete else None,
                params=params,
                distributions=distributions,
                user_attrs={"imported": {"folder": str(folder), "trial": int(row["trial"])}},
                system_attrs={
                    f"{_CONSTRAINTS_KEY}:{metric}": violation
                    for metric, violation in (constraints.violations(scores).items() if is_complete else ())
                },
            )
        )
    return Carried(folder, trials, left)


def _last_reports(tables: SweepTables) -> Iterator[dict[str, Any]]:
    yield from last_reports(tables.reports).reset_index().to_dict("records")


def _scores(report: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, float]:
    cells = {name: plain(report.get(f"metric.{name}")) for name in metrics}
    return {name: float(cell) for name, cell in cells.items() if cell is not None}


def _drawn(
    space: SearchSpace, recorded: Mapping[str, Scalar | None]
) -> tuple[dict[str, Scalar], dict[str, BaseDistribution]]:
    """Draw a recorded point from a space.

    Raises:
        NotDrawnError: If the space can't give it.

    """
    point = RecordedPoint(space, recorded)
    used = space.used(space.draw(point))
    for key, value in used.items():
        if value != recorded[key]:
            there = "plays no part" if recorded[key] is None else f"is {recorded[key]}"
            raise NotDrawnError(f"{key} {there} there and {'plays no part' if value is None else f'is {value}'} here")
    params = {name: value for name, (_, value) in point.drawn.items()}
    return params, {name: distribution for name, (distribution, _) in point.drawn.items()}
