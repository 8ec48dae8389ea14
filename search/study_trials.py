"""The trials of a sweep in its Optuna study, by the sweep's own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from search.mirrored_storage import MirroredStorage
from search.observations import Observations
from search.recorder import Ending
from search.samplers import make_sampler
from search.spec import SamplerConfig
from spaces import Scalar
from trainable.seeding import child_seed

IMPORTED_KEY = "imported"
"""User attribute of a study: how many of its first trials a warm start brought in."""


class StudyTrials:
    """Asks the study for trials, and reads and writes what it holds of them.

    Trials of an earlier sweep that a warm start brought in come first in the study and have no number here. The driver
    is the study's only writer, so trials are counted once. The sampler is made anew for every ask, seeded by the
    sweep's seed and the trial's number.

    Args:
        study: Of the sweep.
        sampler: What proposes points.
        seed: Of the sweep.

    """

    def __init__(self, study: optuna.Study, *, sampler: SamplerConfig, seed: int) -> None:
        self._study, self._sampler, self._seed = study, sampler, seed
        self._imported = int(study.user_attrs.get(IMPORTED_KEY, 0))
        states = [trial.state for trial in study.get_trials(deepcopy=False)[self._imported :]]
        self._waiting = sum(state == TrialState.WAITING for state in states)
        self._asked = len(states) - self._waiting
        self._fresh: optuna.Trial | None = None
        self._observations = Observations()

    @property
    def asked(self) -> int:
        """How many trials were asked for."""
        return self._asked

    @property
    def waiting(self) -> int:
        """How many enqueued trials were not asked for yet."""
        return self._waiting

    def stored(self) -> Iterator[tuple[int, FrozenTrial]]:
        """Give every trial of the sweep with its number; what comes must not be changed."""
        yield from enumerate(self._study.get_trials(deepcopy=False)[self._imported :])

    def enqueue(self, params: Mapping[str, Scalar], attrs: Mapping[str, Any]) -> None:
        """Let the next ask give these parameters; attributes and all appear at once."""
        self._study.enqueue_trial(dict(params), user_attrs=dict(attrs))
        self._waiting += 1

    def ask(self) -> int:
        """Start the next trial and give its number."""
        self._seed_sampler(self._asked)
        trial = self._study.ask()
        self._waiting -= self._waiting > 0
        self._asked += 1
        self._fresh = trial
        return trial.number - self._imported

    def add(self, trial: FrozenTrial) -> None:
        """Put a trial that was asked for elsewhere behind all others; only where none waits."""
        self._study.add_trial(trial)
        self._asked += 1

    def live(self, number: int) -> optuna.Trial:
        """Take up a trial to draw it as it was when it was asked for."""
        if self._fresh is not None and self._fresh.number == number + self._imported:
            trial, self._fresh = self._fresh, None
            return trial
        self._seed_sampler(number)
        return optuna.Trial(self._study, self._id(number))

    def together(self) -> AbstractContextManager[None]:
        """Let the parameters that are drawn in the block be written at once, where the study is in a database."""
        storage = self._study._storage
        return storage.together() if isinstance(storage, MirroredStorage) else nullcontext()

    def trial(self, number: int) -> FrozenTrial:
        """Give what the study holds of a trial."""
        return self._study._storage.get_trial(self._id(number))

    def attrs(self, number: int) -> Mapping[str, Any]:
        """Give the user attributes of a trial."""
        return self.trial(number).user_attrs

    def set_attr(self, number: int, key: str, value: Any) -> None:
        """Write a user attribute of a running trial."""
        self._study._storage.set_trial_user_attr(self._id(number), key, value)

    def set_param(self, number: int, name: str, distribution: BaseDistribution, value: Scalar) -> bool:
        """Write a parameter of a running trial; gives whether the trial lacked it."""
        if name in self.trial(number).params:
            return False
        internal = distribution.to_internal_repr(value)
        self._study._storage.set_trial_param(self._id(number), name, internal, distribution)
        return True

    def constrain(self, number: int, violations: Mapping[str, float]) -> None:
        """Tell Optuna by how much a running trial violates each constraint; 0 or less is feasible."""
        trial = optuna.Trial(self._study, self._id(number))
        for metric, violation in violations.items():
            if metric not in trial.constraints:
                trial.set_constraint(metric, violation)

    def tell(self, number: int, ending: Ending) -> None:
        """End a running trial."""
        self._study.tell(number + self._imported, ending.values, state=TrialState[ending.state])

    def order(self, name: str) -> Any:
        """Give what a user ordered under a name, or ``None``."""
        return self._study.user_attrs.get(name)

    def set_order(self, name: str, value: Any) -> None:
        """Keep what a user ordered, also of trials that have ended."""
        self._study.set_user_attr(name, value)

    def _seed_sampler(self, number: int) -> None:
        seed = child_seed(self._seed, f"ask {number}") % 2**32
        self._study.sampler = make_sampler(self._sampler, seed=seed, observations=self._observations)

    def _id(self, number: int) -> int:
        return self._study._storage.get_trial_id_from_study_id_trial_number(
            self._study._study_id, number + self._imported
        )
