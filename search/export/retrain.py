"""A sweep file that trains an exported trial again, longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from search.export.chosen import ChosenTrial
from search.spec import SweepSpec
from search.yaml_text import yaml_text
from spaces import Scalar, leaves
from spaces.space import PLAIN_SECTIONS

TRAIN_FILE = "train.yaml"

_SHARED = ("batch", "accumulation", "rung_rows", "final_rows", "eval_batch", "max_new_tokens")
"""What training has in common with the sweep, but its length and seed."""


def train_yaml(spec: SweepSpec, trial: ChosenTrial, *, longer: float) -> str:
    """Write the sweep file of one trial's settings.

    Trial 0 of every sweep is plain cross entropy without a curriculum. Settings that are just that make a sweep of one
    trial; others one of two, in which plain cross entropy is trained as long with the same adapter and optimizer, to
    compare with.

    Args:
        spec: The sweep that the trial is from; its paths are absolute.
        trial: Whose settings are kept.
        longer: Factor of the steps and rungs.

    Returns:
        The text of a sweep file.

    """
    is_plain = not deviations(trial.point)
    space, odd = _space(spec, trial)
    steps = max(round(spec.trial.steps * longer), 1)
    rungs = sorted({round(rung * longer) for rung in spec.trial.rungs} & set(range(1, steps)))
    trials = 1 if is_plain else 2
    tree: dict[str, Any] = {
        "model": {**_told(spec.model, "path", "dtype"), **spec.model.model_dump(mode="json", exclude_defaults=True)},
        "data": spec.data.model_dump(mode="json", exclude_none=True),
        "objectives": [objective.metric for objective in spec.objectives],
        "trial": {"steps": steps, "rungs": rungs, **_told(spec.trial, *_SHARED), "seed": trial.seed},
        "space": space,
        "search": {
            "sampler": "random",
            "pruner": "none",
            "trials": trials,
            "concurrency": min(trials, spec.search.concurrency),
            "address": spec.search.address,
        },
    }
    if resources := spec.trial.resources.model_dump(mode="json", exclude_defaults=True):
        tree["trial"]["resources"] = resources
    return yaml_text(tree, header=_header(trial, spec, steps, is_plain=is_plain), notes=_notes(odd, spec, trial))


def _told(settings: BaseModel, *names: str) -> dict[str, Any]:
    """Give some settings, whether or not they are the defaults of this version."""
    return settings.model_dump(mode="json", include=set(names), exclude_none=True)


def deviations(point: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
    """Give the settings of a point that are not those of plain cross entropy without a curriculum."""
    return {
        key: point[key]
        for key, leaf in leaves().items()
        if key.startswith(PLAIN_SECTIONS) and point[key] != leaf.default
    }


def _space(spec: SweepSpec, trial: ChosenTrial) -> tuple[dict[str, Any], str | None]:
    """Give the section with every value that plays a part, and the key that is written as a choice of one."""
    used = {key: value for key, value in trial.used.items() if not _is_idle_stick(key, spec)}
    odd = next((key for key in deviations(trial.point) if key in used), None)
    tree: dict[str, Any] = {}
    for key, value in used.items():
        *parents, name = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = {"choice": [value]} if key == odd else value
    return tree, odd


def _is_idle_stick(key: str, spec: SweepSpec) -> bool:
    place = key.removeprefix("curriculum.stick_")
    return place.isdecimal() and int(place) >= len(spec.data.sources)


def _header(trial: ChosenTrial, spec: SweepSpec, steps: int, *, is_plain: bool) -> list[str]:
    lines = [
        f"Trains trial {trial.number} again, {steps} steps in place of {spec.trial.steps}: paretune sweep {TRAIN_FILE}",
        "Data, split and seed are those of its sweep, so that scores can be compared; rungs, schedules, curriculum and",
        "learning rate stretch with the steps.",
    ]
    if is_plain:
        return [*lines, "The trial is plain cross entropy, which is trial 0 of every sweep: it is the only one here."]
    return [
        *lines,
        "Trial 0 of every sweep is plain cross entropy: here as long, and with the adapter and optimizer of the trial,",
        "to compare with. Trial 1 is the trial. The adapter of one that is worse in both scores is not kept, unless it",
        "is pinned while the sweep runs: paretune trial pin DIR 1",
    ]


def _notes(odd: str | None, spec: SweepSpec, trial: ChosenTrial) -> dict[str, str]:
    notes = {"trial.seed": "of the trial"} if trial.seed != spec.trial.seed else {}
    if odd is not None:
        notes[f"space.{odd}"] = "a choice of one, so that trial 1 is drawn"
    return notes
