"""Where the points of trials come from that no sampler proposed, and what points trials have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from results.schema import Role
from search.spec import SweepSpec
from spaces import Point

CLONE_KEY = "clone"
"""User attribute of a trial that repeats another: a ``ClonePlan`` as a mapping."""


def clone_plan(of: int, point: Point, *, seed: int, request: str, extended: bool) -> Mapping[str, Any]:
    """Describe a trial that repeats another, as the study keeps it.

    Args:
        of: The trial that is repeated.
        point: Its settings, perhaps changed.
        seed: Of adapter, data order and dropout.
        request: Id of the request, which is carried out once.
        extended: Whether no pruner may stop it.

    """
    return {"of": of, "point": dict(point), "seed": seed, "request": request, "extended": extended}


def planned_point(spec: SweepSpec, number: int, attrs: Mapping[str, Any]) -> Point | None:
    """Give the point of the baseline, of a preset or of a clone; ``None`` if the sampler decides."""
    if CLONE_KEY in attrs:
        return attrs[CLONE_KEY]["point"]
    if number == 0:
        return spec.space.baseline()
    if number <= len(spec.search.enqueue):
        return spec.space.preset(spec.search.enqueue[number - 1])
    return None


def role_of(spec: SweepSpec, number: int, attrs: Mapping[str, Any]) -> Role:
    """Say why a trial is run."""
    if CLONE_KEY in attrs:
        return "clone"
    if number == 0:
        return "baseline"
    return "preset" if number <= len(spec.search.enqueue) else "search"


def point_of(spec: SweepSpec, number: int, trial: FrozenTrial) -> Point:
    """Give the point of a trial that was drawn.

    Raises:
        ValueError: If its driver died while it was being drawn.

    """
    planned = planned_point(spec, number, trial.user_attrs)
    return planned if planned is not None else spec.space.draw(optuna.trial.FixedTrial(trial.params))


def seed_of(spec: SweepSpec, trial: FrozenTrial) -> int:
    """Give the seed of a trial's adapter, data order and dropout: a clone has its own."""
    return int(trial.user_attrs.get(CLONE_KEY, {}).get("seed", spec.trial.seed))
