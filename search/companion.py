"""Mirrors every report into a study of one objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.pruners import Vector
from search.recorder import Ending
from spaces import METRICS, TrialConfig


class Companion:
    """Keeps the scalarised curves: the mean of the objectives, each between 0 and 1, which Optuna's own pruners judge.

    It is the study's only writer, and reads the study once, to learn which curve is whose.

    Args:
        study: Of one objective, which is maximised.
        metrics: Names of the objectives.

    """

    def __init__(self, study: optuna.Study, metrics: Sequence[str]) -> None:
        self._study, self._metrics = study, metrics
        self._trials: dict[int, optuna.Trial] = {}
        curves = study.get_trials(deepcopy=False)
        self._ids = {curve.user_attrs["trial"]: curve._trial_id for curve in curves if "trial" in curve.user_attrs}

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
        found = self._curve(config.number)
        if found is None or found.state.is_finished() or found.user_attrs.get("attempt") != config.attempt:
            self.start(config)
            points: frozenset[int] = frozenset()
        else:
            self._trials[config.number] = optuna.Trial(self._study, found._trial_id)
            points = frozenset(found.intermediate_values)
        for step in sorted(vectors.keys() - points):
            self.report(config.number, step, vectors[step])

    def report(self, number: int, step: int, vector: Vector) -> None:
        """Add a point to a trial's curve."""
        self._trials[number].report(self._mean(vector), step)

    def mirror(self, number: int, vectors: Mapping[int, Vector]) -> None:
        """Add the points that a curve lacks because its driver died between two writes."""
        trial = self._curve(number)
        if trial is None:
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
        if number not in self._ids:
            self._open(number, attempt)
        self.mirror(number, vectors)
        self.end(number, vectors.get(max(vectors, default=0)), ending)

    def _open(self, number: int, attempt: int) -> optuna.Trial:
        """Open a curve and say whose it is, both at once."""
        template = create_trial(state=TrialState.RUNNING, user_attrs={"trial": number, "attempt": attempt})
        self._ids[number] = self._study._storage.create_new_trial(self._study._study_id, template)
        return optuna.Trial(self._study, self._ids[number])

    def _curve(self, number: int) -> FrozenTrial | None:
        """Give the latest curve of a trial."""
        return self._study._storage.get_trial(self._ids[number]) if number in self._ids else None

    def _mean(self, vector: Vector) -> float:
        return fmean(unit_score(metric, value) for metric, value in zip(self._metrics, vector, strict=True))

    def _close(self, number: int, state: TrialState, value: float | None) -> None:
        trial = self._curve(number)
        if trial is not None and not trial.state.is_finished():
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
