"""What a confirmation runs: settings and seeds, chosen once from a sweep's record and frozen in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from results import SweepTables
from results.find import find, read_rows
from results.findings import WORTH_CONFIRMING
from results.pareto import hypervolume
from results.summary import EndedTrial, Summary, summarise
from results.sweep_file import write_whole
from search.errors import ConfirmError
from search.spec import SweepSpec
from trainable.seeding import child_seed

PLAN_FILE = "confirm.json"
FEWEST_SEEDS = 3
MOST_SETTINGS = 12
_WEIGHTING = "param.mixture.weighting.name"
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Setting(BaseModel):
    """A completed trial whose settings are trained again.

    Attributes:
        trial: Its number.
        why: Why it is in the list: ``baseline``, ``front``, ``best static``, ``may be on the front`` or ``asked for``.
        probability: P(non-dominated) by the search's scores; ``None`` where it is unknown.

    """

    model_config = _FROZEN

    trial: int
    why: tuple[str, ...]
    probability: float | None = None


class Run(BaseModel):
    """One training of a setting.

    Attributes:
        run: Its number, from 0.
        trial: The setting's trial.
        seed: Of adapter, data order and dropout.

    """

    model_config = _FROZEN

    run: int
    trial: int
    seed: int


class LeftOut(BaseModel):
    """A trial that would belong to the list, and why it is not in it."""

    model_config = _FROZEN

    trial: int
    why: str


class ConfirmPlan(BaseModel):
    """The frozen list.

    Attributes:
        settings: In order of importance.
        runs: Every setting with every seed; the first seed of all settings comes first.
        left_out: Trials that are not confirmed although they would belong to it.
        notes: What to know of the choice.
        frozen: When it was made.
        test_opened: When the first run was scored on the test split; ``None`` while none was.

    """

    model_config = _FROZEN

    settings: tuple[Setting, ...]
    runs: tuple[Run, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    frozen: datetime
    test_opened: datetime | None = None

    @property
    def trials(self) -> tuple[int, ...]:
        """Numbers of the settings' trials."""
        return tuple(setting.trial for setting in self.settings)

    @property
    def seeds(self) -> int:
        """Number of seeds of each setting."""
        return len({run.seed for run in self.runs})


def read_plan(folder: Path) -> ConfirmPlan | None:
    """Read the frozen list of a sweep's folder, or ``None`` if it has none.

    Raises:
        ConfirmError: If the file is damaged.

    """
    path = folder / PLAN_FILE
    if not path.exists():
        return None
    try:
        return ConfirmPlan.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfirmError(
            f"{path} is damaged: {first['msg']} at {'.'.join(map(str, first['loc'])) or 'its start'}; restore it from a"
            " copy: without it nobody knows which runs belong to the confirmation"
        ) from error


def write_plan(folder: Path, plan: ConfirmPlan) -> None:
    """Freeze a list durably.

    Raises:
        OSError: If it can't be written.

    """
    text = json.dumps(plan.model_dump(mode="json"), indent=2) + "\n"
    write_whole(folder / PLAN_FILE, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def make_plan(
    folder: Path, spec: SweepSpec, tables: SweepTables, *, seeds: int, asked: Sequence[int] | None, now: datetime
) -> ConfirmPlan:
    """Choose what is confirmed: the front, what may be on it, the baseline and the best static trial; 12 at most.

    Args:
        folder: Of the sweep.
        spec: The sweep.
        tables: Its record.
        seeds: Of each setting.
        asked: Numbers of trials to confirm instead, all of them.
        now: The time.

    Raises:
        ConfirmError: If no trial has completed, a trial that is asked for has not, or there are too few seeds.

    """
    if seeds < FEWEST_SEEDS:
        raise ConfirmError(f"--seeds must be at least {FEWEST_SEEDS}, or the spread of seeds is not seen; got {seeds}")
    summary = summarise(tables)
    if not summary.completed:
        raise ConfirmError(f"{folder}: no trial has completed, so nothing can be confirmed; let the sweep go on first")
    probabilities, why_not = probabilities_of(folder, summary, tables)
    notes = () if why_not is None else (f"P(non-dominated) is unknown ({why_not}), so of the others none is added",)
    if asked is None:
        settings, left_out = choose_settings(summary, tables, probabilities)
    else:
        _check_asked(asked, summary)
        settings = [
            Setting(trial=trial, why=("asked for",), probability=probabilities.get(trial))
            for trial in dict.fromkeys(asked)
        ]
        left_out = []
    taken = {spec.trial.seed, *(int(seed) for seed in tables.trials["seed"])}
    numbers = new_seeds(spec.search.seed, count=seeds, taken=taken)
    pairs = [(setting.trial, seed) for seed in numbers for setting in settings]
    return ConfirmPlan(
        settings=tuple(settings),
        runs=tuple(Run(run=run, trial=trial, seed=seed) for run, (trial, seed) in enumerate(pairs)),
        left_out=tuple(left_out),
        notes=notes,
        frozen=now,
    )


def probabilities_of(folder: Path, summary: Summary, tables: SweepTables) -> tuple[Mapping[int, float], str | None]:
    """Give P(non-dominated) of the completed trials near the front, or say why it is unknown."""
    findings = find(summary, tables, *read_rows(folder, summary, tables))
    if findings.membership is None:
        return {}, findings.unknown.get("membership", "it can't be computed")
    return {member.trial: member.probability for member in findings.membership.members}, None


def choose_settings(
    summary: Summary, tables: SweepTables, probabilities: Mapping[int, float]
) -> tuple[list[Setting], list[LeftOut]]:
    """Choose the trials to confirm by their scores in the search.

    The baseline comes first and the best static trial second, which all others are compared with; then the front, and
    then the other trials whose P(non-dominated) is above a fifth, each the most probable first.

    Args:
        summary: Of the sweep; a trial has completed.
        tables: Its record.
        probabilities: P(non-dominated) by trial; a trial that is not in it has none.

    Returns:
        At most 12 settings, and the trials that are left out: beyond that number, or with the settings of another.

    """
    why: dict[int, list[str]] = {}
    if summary.baseline is not None:
        why[summary.baseline.trial] = ["baseline"]
    if (static := best_static(summary, tables)) is not None:
        why.setdefault(static.trial, []).append("best static")
    by_probability = sorted(probabilities, key=lambda trial: (-probabilities[trial], trial))
    front = {trial.trial for trial in summary.front}
    unknown = [trial.trial for trial in summary.front if trial.trial not in probabilities]
    for trial in [*(trial for trial in by_probability if trial in front), *unknown]:
        why.setdefault(trial, []).append("front")
    for trial in by_probability:
        if probabilities[trial] > WORTH_CONFIRMING and trial not in front:
            why.setdefault(trial, []).append("may be on the front")
    chosen, left_out = _without_copies(list(why), tables)
    left_out += [LeftOut(trial=trial, why=f"beyond {MOST_SETTINGS} settings") for trial in chosen[MOST_SETTINGS:]]
    settings = [
        Setting(trial=trial, why=tuple(why[trial]), probability=probabilities.get(trial))
        for trial in chosen[:MOST_SETTINGS]
    ]
    return settings, left_out


def best_static(summary: Summary, tables: SweepTables) -> EndedTrial | None:
    """Give the best completed trial with the weighting ``static`` but for the baseline, or ``None`` without one.

    It is the one that alone dominates the largest hypervolume from the reference point of the report; without a
    baseline, or where none dominates anything, from the worst scores of all completed trials.
    """
    if _WEIGHTING not in tables.trials.columns:
        return None
    static = set(tables.trials.loc[tables.trials[_WEIGHTING] == "static", "trial"])
    rivals = [trial for trial in summary.completed if trial.trial in static and trial is not summary.baseline]
    if not rivals:
        return None
    points = np.array([trial.point for trial in summary.completed], dtype=float)
    signs = np.array([1 if direction == "maximize" else -1 for direction in summary.directions])
    worst = signs * (signs * points).min(axis=0)
    references = [worst] if summary.reference is None else [np.array(summary.reference), worst]

    def merit(trial: EndedTrial) -> tuple[float, ...]:
        alone = [trial.point or ()]
        return (*(hypervolume(alone, summary.directions, reference=place) for place in references), -trial.trial)

    return max(rivals, key=merit)


def new_seeds(sweep_seed: int, *, count: int, taken: set[int]) -> list[int]:
    """Derive seeds from the sweep's that no searched trial had; the first are the same for every count.

    All settings share them, so that differences between settings are not differences between seeds.
    """
    found: list[int] = []
    place = 0
    while len(found) < count:
        seed = child_seed(sweep_seed, f"confirm/{place}") >> 32
        if seed not in taken and seed not in found:
            found.append(seed)
        place += 1
    return found


def _without_copies(trials: Sequence[int], tables: SweepTables) -> tuple[list[int], list[LeftOut]]:
    """Leave out trials that repeat another's settings, as clones with another seed do."""
    names = [name for name in tables.trials.columns if name.startswith("param.")]
    rows = tables.trials.drop_duplicates("trial", keep="last").set_index("trial")
    first: dict[tuple[str, ...], int] = {}
    chosen: list[int] = []
    copies: list[LeftOut] = []
    for trial in trials:
        point = tuple(str(value) for value in rows.loc[trial, names])
        if point in first:
            copies.append(LeftOut(trial=trial, why=f"it has the settings of trial {first[point]}"))
        else:
            first[point] = trial
            chosen.append(trial)
    return chosen, copies


def _check_asked(asked: Sequence[int], summary: Summary) -> None:
    completed = sorted(trial.trial for trial in summary.completed)
    states = {trial.trial: trial.state for trial in summary.trials}
    for trial in asked:
        if trial not in completed:
            state = states.get(trial)
            found = f"trial {trial} is {state}" if state else f"the sweep has no ended trial {trial}"
            raise ConfirmError(f"--trials: {found}; completed trials are {', '.join(map(str, completed))}")
