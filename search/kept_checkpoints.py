"""Which checkpoints are kept: those of running trials, of the front, and of trials that a user pinned."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from results.pareto import hypervolume, nondominated, reference_point
from results.schema import Direction, Objective
from search.recorder import Ending
from search.spec import SweepSpec
from trainable.checkpoints import CheckpointPlace, Checkpoints

_log = logging.getLogger(__name__)


def checkpoint_place(spec: SweepSpec, folder: Path) -> CheckpointPlace:
    """Say where the checkpoints of a folder's sweep are.

    Args:
        spec: The sweep. In a store that it names, they are in a folder that is called as the sweep's own.
        folder: Of the sweep.

    """
    if spec.search.checkpoints is None:
        return CheckpointPlace(folder=str((folder / "checkpoints").absolute()), budget=spec.search.disk)
    uri, mark, query = spec.search.checkpoints.partition("?")
    return CheckpointPlace(
        folder=f"{uri.rstrip('/')}/{folder.resolve().name}{mark}{query}",
        budget=spec.search.disk,
    )


def confirm_place(spec: SweepSpec, folder: Path) -> CheckpointPlace:
    """Say where the states of a folder's confirmation runs are: apart from the sweep's checkpoints."""
    place = checkpoint_place(spec, folder)
    if spec.search.checkpoints is None:
        return place.model_copy(update={"folder": str((folder / "confirm").absolute())})
    uri, mark, query = place.folder.partition("?")
    return place.model_copy(update={"folder": f"{uri}-confirm{mark}{query}"})


def way_back(folder: Path, number: int, *, is_pruned: bool, seed: int) -> str:
    """Say how to get the adapter of an ended trial whose checkpoint is gone.

    Args:
        folder: Of the sweep.
        number: Of the trial.
        is_pruned: Whether a pruner or a user stopped it.
        seed: Of adapter, data order and dropout.

    """
    run = f"extend {folder} {number}" if is_pruned else f"clone {folder} {number} --seed {seed}"
    return (
        f"To get this one, run it again as a new trial: paretune trial {run}; then paretune resume {folder}, and pin "
        f"the new trial: paretune trial pin {folder} N. Or export its files without the adapter, by --without-adapter, "
        "and retrain it by their train.yaml"
    )


class KeptCheckpoints:
    """Removes the checkpoints that nobody needs any more, and says which may go first where room is short.

    Args:
        checkpoints: Of the sweep.
        objectives: Whose trade-off makes the front.

    """

    def __init__(self, checkpoints: Checkpoints, objectives: Sequence[Objective]) -> None:
        self._checkpoints, self._objectives = checkpoints, objectives
        self._front: dict[int, tuple[float, ...]] = {}
        self._baseline: tuple[float, ...] | None = None
        self._ended: set[int] = set()

    @property
    def front(self) -> frozenset[int]:
        """Completed trials that none other dominates."""
        return frozenset(self._front)

    def remember(self, number: int, ending: Ending) -> None:
        """Take in a trial that ended before this run."""
        self._enter(number, ending)

    def ended(self, number: int, ending: Ending, *, pinned: Collection[int]) -> None:
        """Take in a trial that ended now; it and those that it takes off the front lose their checkpoints.

        Args:
            number: Of the trial.
            ending: How it ended.
            pinned: Trials whose checkpoints are kept in any case.

        """
        fallen = self._enter(number, ending)
        try:
            for other in sorted(fallen - set(pinned)):
                self._checkpoints.remove(other)
            self._checkpoints.spare(self._sacrifices(pinned))
        except OSError as error:
            _log.warning("checkpoints of ended trials stay until the next start: %s", error)

    def tidy(self, *, running: Collection[int], pinned: Collection[int]) -> None:
        """Remove what an earlier driver left and nobody needs.

        Args:
            running: Trials that go on.
            pinned: Trials whose checkpoints are kept in any case.

        Raises:
            OSError: If the checkpoints can't be listed or removed.

        """
        self._checkpoints.tidy(self.front | frozenset(running) | frozenset(pinned))
        self._checkpoints.spare(self._sacrifices(pinned))

    def _enter(self, number: int, ending: Ending) -> set[int]:
        """Let a trial try for the front; gives the trials that are not on it any more, or never were."""
        self._ended.add(number)
        if ending.state != "COMPLETE" or not ending.values:
            return {number}
        if number == 0:
            self._baseline = ending.values
        rivals = {**self._front, number: ending.values}
        stays = nondominated(list(rivals.values()), [objective.direction for objective in self._objectives])
        self._front = {other: values for (other, values), on in zip(rivals.items(), stays, strict=True) if on}
        return set(rivals) - set(self._front)

    def _sacrifices(self, pinned: Collection[int]) -> list[int]:
        """Give ended trials in the order in which their checkpoints may go: pinned ones last."""
        order = sorted(self._contributions().items(), key=lambda pair: (pair[1], -pair[0]))
        return [number for number, _ in order if number not in pinned] + sorted(self._ended & set(pinned))

    def _contributions(self) -> Mapping[int, float]:
        """Give the hypervolume that each trial of the front adds to the others'."""
        values = np.array(list(self._front.values()), dtype=float)
        if not len(values):
            return {}
        directions: list[Direction] = [objective.direction for objective in self._objectives]
        worst = [
            values[:, at].min() if direction == "maximize" else values[:, at].max()
            for at, direction in enumerate(directions)
        ]
        reference = reference_point(self._baseline or worst, self._objectives)
        whole = hypervolume(values, directions, reference=reference)
        return {
            number: whole - hypervolume(np.delete(values, at, axis=0), directions, reference=reference)
            for at, number in enumerate(self._front)
        }
