"""Mirrors every report into a study of one objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import optuna
from optuna.trial import TrialState

from search.pruners import Vector, companion_trial
from search.recorder import Ending
from spaces import METRICS, TrialConfig


class Companion:
    """Keeps the scalarised curves: the mean of the objectives, each between 0 and 1, which Optuna's own pruners judge.

    Args:
        study: Of one objective, which is maximised.
        metrics: Names of the objectives.

    """

    def __init__(self, study: optuna.Study, metrics: Sequence[str]) -> None:
        self._study, self._metrics = study, metrics
        self._trials: dict[int, optuna.Trial] = {}

    def close_strays(self) -> None:
        """Close curves that a driver opened and died before it said whose they are."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if "trial" not in trial.user_attrs or "attempt" not in trial.user_attrs:
                self._study.tell(trial.number, state=TrialState.FAIL)

    def start(self, config: TrialConfig) -> None:
        """Open a curve for a trial's attempt; the curve of an earlier attempt ends as failed."""
        self._close(config.number, TrialState.FAIL, None)
        self._trials[config.number] = self._open(config.number, config.attempt)

    def go_on(self, config: TrialConfig, vectors: Mapping[int, Vector]) -> None:
        """Open again the curve of an attempt that was interrupted, with all its points."""
        try:
            found = companion_trial(self._study, config.number)
        except KeyError:
            found = None
        if found is None or found.state.is_finished() or found.user_attrs.get("attempt") != config.attempt:
            self.start(config)
            found = companion_trial(self._study, config.number)
        self._trials[config.number] = optuna.Trial(self._study, found._trial_id)
        for step in sorted(vectors.keys() - found.intermediate_values.keys()):
            self.report(config.number, step, vectors[step])

    def report(self, number: int, step: int, vector: Vector) -> None:
        """Add a point to a trial's curve."""
        self._trials[number].report(self._mean(vector), step)

    def mirror(self, number: int, vectors: Mapping[int, Vector]) -> None:
        """Add the points that a curve lacks because its driver died between two writes."""
        try:
            trial = companion_trial(self._study, number)
        except KeyError:
            return
        for step in sorted(vectors.keys() - trial.intermediate_values.keys()):
            optuna.Trial(self._study, trial._trial_id).report(self._mean(vectors[step]), step)

    def end(self, number: int, vector: Vector | None, ending: Ending) -> None:
        """Close a trial's curve in the state of the trial, if it is still open."""
        self._trials.pop(number, None)
        if ending.state == "COMPLETE" and vector:
            self._close(number, TrialState.COMPLETE, self._mean(vector))
        else:
            self._close(number, TrialState.PRUNED if ending.state == "PRUNED" else TrialState.FAIL, None)

    def restore(self, number: int, attempt: int, vectors: Mapping[int, Vector], ending: Ending) -> None:
        """Put back the whole curve of a trial that has ended, if it is lost."""
        try:
            companion_trial(self._study, number)
        except KeyError:
            self._open(number, attempt)
        self.mirror(number, vectors)
        self.end(number, vectors.get(max(vectors, default=0)), ending)

    def _open(self, number: int, attempt: int) -> optuna.Trial:
        trial = self._study.ask()
        trial.set_user_attr("trial", number)
        trial.set_user_attr("attempt", attempt)
        return trial

    def _mean(self, vector: Vector) -> float:
        return fmean(unit_score(metric, value) for metric, value in zip(self._metrics, vector, strict=True))

    def _close(self, number: int, state: TrialState, value: float | None) -> None:
        try:
            trial = companion_trial(self._study, number)
        except KeyError:
            return
        if not trial.state.is_finished():
            self._study.tell(trial.number, value, state=state)


def unit_score(metric: str, signed: float) -> float:
    """Give a score on the scale from 0, the worst, to 1, the best possible, so that means of scores say something.

    Between two bounds the scale is linear. Without an upper bound it is the lower bound divided by the score, which
    for perplexity is the geometric mean of the probabilities of the true tokens.

    Args:
        metric: The score's name.
        signed: The score, negated if a smaller one is better.

    """
    bounds = METRICS[metric]
    value = signed if bounds.direction == "maximize" else -signed
    if bounds.high is None:
        return bounds.low / value
    share = (value - bounds.low) / (bounds.high - bounds.low)
    return share if bounds.direction == "maximize" else 1 - share
