"""Bounds what TPE looks at, so that asking takes the same time after thousands of trials."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from results.pareto import ranks

MOST_SEEN = 300
_BEST = 75


class ThinnedTPESampler(TPESampler):
    """Optuna's TPE on at most ``MOST_SEEN`` finished trials.

    TPE models a few good trials and all others; it takes up to 25 for good, feasible ones first. So the best layers of
    the trials that violate least are kept, and of the others an even sample in the order of their numbers, which has
    the same density. It depends on the trials alone. One is made for each ask.
    """

    _seen: _SeenStudy | None = None

    @override
    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return super().infer_relative_search_space(self._view(study), trial)

    @override
    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return super().sample_relative(self._view(study), trial, search_space)

    @override
    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return super().sample_independent(self._view(study), trial, param_name, param_distribution)

    def _view(self, study: optuna.Study) -> optuna.Study:
        if self._seen is None:
            self._seen = _SeenStudy(study)
        return self._seen


class _SeenStudy(optuna.Study):
    """A study as the sampler of one ask sees it."""

    def __init__(self, study: optuna.Study) -> None:
        self.__dict__.update(study.__dict__)
        trials = study.get_trials(deepcopy=False)
        self._seen = thinned(trials, [direction.name.lower() for direction in study.directions])

    @override
    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return [trial for trial in self._seen if states is None or trial.state in states]


def thinned(trials: Sequence[FrozenTrial], directions: Iterable[Any]) -> list[FrozenTrial]:
    """Give all trials that are not finished, the best layers of the complete ones, and an even sample of the others.

    Args:
        trials: In the order of their numbers.
        directions: ``maximize`` or ``minimize``, per objective.

    Returns:
        All of them if at most ``MOST_SEEN`` are finished; else so many finished ones, in order.

    """
    finished = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(finished) <= MOST_SEEN:
        return list(trials)
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    layers = ranks([trial.values for trial in complete], list(directions)) if complete else np.array([])
    violations = np.array([sum(max(each, 0.0) for each in trial.constraints.values()) for trial in complete])
    best = {complete[index].number for index in np.lexsort((layers, violations))[:_BEST]}
    others = [trial.number for trial in finished if trial.number not in best]
    places = np.linspace(0, len(others) - 1, MOST_SEEN - len(best)).round().astype(int)
    kept = best | {others[place] for place in places}
    return [trial for trial in trials if not trial.state.is_finished() or trial.number in kept]
