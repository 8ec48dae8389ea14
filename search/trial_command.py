"""``paretune trial``: what a user asks of one trial of a sweep, checked before the driver hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from optuna.trial import FrozenTrial
from pydantic import ValidationError

from results.sweep_file import SWEEP_FILE
from search.errors import RequestError
from search.folder_lock import work_in
from search.kept_checkpoints import checkpoint_place, way_back
from search.points import point_of, seed_of
from search.requests import Request, RequestFiles, RequestKind
from search.spec import SweepSpec
from search.study import open_studies
from search.study_trials import StudyTrials
from search.sweep_spec import spec_of
from search.yaml_tree import Place, parse_yaml
from spaces import Scalar, SearchSpace, settings_of

_EFFECTS: Mapping[RequestKind, str] = {
    "stop": "stops at its next report",
    "pin": "keeps its checkpoint",
    "extend": "runs to its last step, whatever the pruner says",
    "clone": "is run again as a new trial",
}


def ask_of_trial(
    folder: Path, number: int, kind: RequestKind, *, seed: int | None = None, texts: Sequence[str] = ()
) -> str:
    """Leave a request about a trial in a sweep's folder.

    Args:
        folder: Of the sweep.
        number: Of the trial.
        kind: What is asked.
        seed: Of a clone.
        texts: Changes of a clone, each ``key=value`` with a searched key and the value in YAML.

    Returns:
        A line that says what will happen.

    Raises:
        ResultsError: If the folder holds no sweep.
        RequestError: If there is no such trial, or it can't be done to it.

    """
    spec = spec_of(folder)
    trial = _stored(folder, spec, number)
    changes = _changes(spec.space, texts)
    words = _EFFECTS[kind]
    if kind in ("stop", "extend") and trial.state.is_finished():
        if kind == "stop" or trial.state.name != "PRUNED":
            raise RequestError(f"trial {number} has ended already: {trial.state.name}, {trial.user_attrs['reason']}")
        words = "is run again to its last step, whatever the pruner says, as a new trial"
    if kind == "pin" and trial.state.is_finished():
        _check_kept(spec, folder, number, trial)
    if kind == "clone":
        _check_clone(spec, number, trial, changes)
    if seed is not None and not 0 <= seed < 2**32:
        raise RequestError(f"--seed {seed}: expected a number from 0 to {2**32 - 1}")
    RequestFiles(folder).submit(Request(kind=kind, trial=number, seed=seed, changes=changes or None))
    when = "" if work_in(folder) == "sweep" else f"; no driver works there now, it is done by: paretune resume {folder}"
    return f"trial {number} {words}{when}"


def _stored(folder: Path, spec: SweepSpec, number: int) -> FrozenTrial:
    if spec.search.storage is None and not (folder / "study.db").exists():
        raise RequestError(f"{folder} has a {SWEEP_FILE} and no study yet; no trial was started")
    study = open_studies(
        folder,
        storage=spec.search.storage,
        directions=[objective.direction for objective in spec.objectives],
        must_exist=True,
    ).main
    stored = dict(StudyTrials(study, sampler=spec.search.sampler, seed=spec.search.seed).stored())
    if number not in stored:
        there = f"trials 0 to {len(stored) - 1}" if stored else "no trial yet"
        raise RequestError(f"{folder} has {there}; got {number}")
    return stored[number]


def _changes(space: SearchSpace, texts: Sequence[str]) -> dict[str, Scalar]:
    """Read the changes of a clone.

    Raises:
        RequestError: If a key is not searched or a value is not one that it can take.

    """
    changes: dict[str, Scalar] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        tree = parse_yaml(value, lambda _line, _column: Place((1, 0, 0), "--set"))
        if not equals or tree.faults:
            raise RequestError(f"--set {text}: expected key=value, e.g. optimizer.learning_rate=2e-4")
        if key not in space.dimensions:
            near = get_close_matches(key, list(space.dimensions), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it searches {', '.join(space.dimensions)}"
            raise RequestError(f"--set {text}: the sweep does not search {key!r}{hint}")
        domain, found = space.dimensions[key], tree.value
        if not isinstance(found, bool | int | float | str) or not domain.holds(found):
            edges = domain.edges()
            listed = " to ".join(map(str, edges)) if hasattr(domain, "low") else ", ".join(map(str, edges))
            raise RequestError(f"--set {text}: {key} can't be {found!r}; expected {listed}")
        changes[key] = found
    return changes


def _check_kept(spec: SweepSpec, folder: Path, number: int, trial: FrozenTrial) -> None:
    """See that an ended trial still has the checkpoint that is to be kept."""
    place = checkpoint_place(spec, folder)
    shown = place.folder.partition("?")[0]
    try:
        kept = place.open().numbers()
    except (OSError, ValueError) as error:
        raise RequestError(f"the checkpoints in {shown} can't be read: {error}") from error
    if number not in kept:
        again = way_back(folder, number, is_pruned=trial.state.name == "PRUNED", seed=seed_of(spec, trial))
        raise RequestError(
            f"trial {number} has ended ({trial.state.name}), and its checkpoint, which would be kept in {shown}, is "
            f"gone. {again}"
        )


def _check_clone(spec: SweepSpec, number: int, trial: FrozenTrial, changes: Mapping[str, Scalar]) -> None:
    try:
        settings_of({**point_of(spec, number, trial), **changes})
    except ValidationError as error:
        raise RequestError(f"trial {number} with these changes: {error.errors()[0]['msg']}") from error
    except ValueError as error:
        raise RequestError(f"trial {number} is only being drawn; ask again in a moment") from error
