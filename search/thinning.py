"""Bounds what TPE looks at, so that asking takes the same time after thousands of trials."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma, default_gamma_multiobjective
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from results.pareto import ranks
from search.observations import Observations

MOST_SEEN = 300
_BEST = 75


class ThinnedTPESampler(TPESampler):
    """Optuna's TPE on at most ``MOST_SEEN`` finished trials.

    TPE models a few good trials and all others; it takes up to 25 for good, feasible ones first. So the best layers of
    the trials that violate least are kept, and of the others an even sample in the order of their numbers, which has
    the same density. It depends on the trials alone. One is made for each ask.

    Optuna takes up the trials anew for each group of parameters. They are taken up once here, to the same end.

    Args:
        observations: Of the study's trials, which the next sampler can use again.
        settings: Of Optuna's sampler.

    """

    def __init__(self, observations: Observations | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._observations = observations or Observations()
        self._seen: _SeenStudy | None = None
        self._parts: _Parts | None = None
        if self._group:
            self._group_decomposed_search_space = _Groups(self._observations)

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

    @override
    def _sample(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample as Optuna does, but divide the trials into good and other ones once for all groups of parameters."""
        parts = self._divided(study, trial)
        below = self._build_parzen_estimator(study, search_space, parts.below, handle_below=True)
        above = self._build_parzen_estimator(study, search_space, parts.above, handle_below=False)
        samples = below.sample(self._rng.rng, self._n_ei_candidates)
        best = self._compare(samples, self._compute_acquisition_func(samples, below, above))
        return {name: distribution.to_external_repr(best[name]) for name, distribution in search_space.items()}

    @override
    def _get_internal_repr(
        self, trials: list[FrozenTrial], search_space: dict[str, BaseDistribution], study: optuna.Study
    ) -> dict[str, Any]:
        parts = self._parts
        known = parts.matrices.get(id(trials)) if parts is not None else None
        matrix = self._observations.matrix(trials) if known is None else known
        running = {
            row: self._get_params(trial, study) for row, trial in enumerate(trials) if not trial.state.is_finished()
        }
        return self._observations.given(matrix, search_space, running=running)

    def _divided(self, study: optuna.Study, trial: FrozenTrial) -> _Parts:
        if self._parts is None:
            states = [TrialState.COMPLETE, TrialState.PRUNED]
            if self._constant_liar:
                states.append(TrialState.RUNNING)
            trials = [one for one in study._get_trials(deepcopy=False, states=states) if one.number != trial.number]
            gamma = self._gamma or (default_gamma if len(study.directions) <= 1 else default_gamma_multiobjective)
            ended = sum(one.state != TrialState.RUNNING for one in trials)
            below, above = _split_trials(study, trials, gamma(ended))
            matrices = {id(part): self._observations.matrix(part) for part in (below, above)}
            self._parts = _Parts(below, above, matrices)
        return self._parts

    def _view(self, study: optuna.Study) -> optuna.Study:
        if self._seen is None:
            self._seen = _SeenStudy(study, self._observations)
        return self._seen


@dataclass(frozen=True)
class _Parts:
    """The trials that TPE models as good and those that it models as the others, with the matrix of each part."""

    below: list[FrozenTrial]
    above: list[FrozenTrial]
    matrices: Mapping[int, NDArray[np.float64]]


class _Groups(_GroupDecomposedSearchSpace):
    """Optuna's groups of parameters, found at once for all trials."""

    def __init__(self, observations: Observations) -> None:
        super().__init__()
        self._observations = observations

    @override
    def calculate(self, study: optuna.Study, use_cache: bool = False) -> _SearchSpaceGroup:
        found = _SearchSpaceGroup()
        complete = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        found._search_spaces = self._observations.groups(complete)
        return found


class _SeenStudy(optuna.Study):
    """A study as the sampler of one ask sees it."""

    def __init__(self, study: optuna.Study, observations: Observations) -> None:
        self.__dict__.update(study.__dict__)
        trials = study.get_trials(deepcopy=False)
        self._seen = thinned(trials, [direction.name.lower() for direction in study.directions], observations)
        self._in_states: dict[tuple[TrialState, ...], list[FrozenTrial]] = {}

    @override
    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        wanted = tuple(state for state in TrialState if states is None or state in states)
        if wanted not in self._in_states:
            self._in_states[wanted] = [trial for trial in self._seen if trial.state in wanted]
        return list(self._in_states[wanted])


def thinned(
    trials: Sequence[FrozenTrial], directions: Iterable[Any], observations: Observations | None = None
) -> list[FrozenTrial]:
    """Give all trials that are not finished, the best layers of the complete ones, and an even sample of the others.

    Args:
        trials: In the order of their numbers.
        directions: ``maximize`` or ``minimize``, per objective.
        observations: Of the study's trials; made anew if absent.

    Returns:
        All of them if at most ``MOST_SEEN`` are finished; else so many finished ones, in order.

    """
    finished = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(finished) <= MOST_SEEN:
        return list(trials)
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    layers = ranks([trial.values for trial in complete], list(directions)) if complete else np.array([])
    known = observations or Observations()
    violations = np.array([known.violation(trial) for trial in complete])
    best = {complete[index].number for index in np.lexsort((layers, violations))[:_BEST]}
    others = [trial.number for trial in finished if trial.number not in best]
    places = np.linspace(0, len(others) - 1, MOST_SEEN - len(best)).round().astype(int)
    kept = best | {others[place] for place in places}
    return [trial for trial in trials if not trial.state.is_finished() or trial.number in kept]
