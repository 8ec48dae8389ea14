"""The one place that asks, takes reports, decides and finishes; it knows no Ray.

Order of writes: a report becomes durable in Parquet, then its vector in the Optuna study, then a decision is made and
recorded, then the caller hears it. After a crash the hub rebuilds itself from the study and the record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from results.pruning_audit import AUDIT_PREFIX
from results.schema import Verdict
from search.audit import is_audited
from search.constraints import Constraints
from search.hard_stops import parse_failure_stop
from search.interfaces import Listener, Mirror, Record
from search.pruners import Curve, CurvePool, Pruner, Vector
from search.recorder import Ending
from search.redraw import Redrawing
from search.samplers import make_sampler
from search.spec import SweepSpec
from search.trial_files import TrialFiles
from search.vectors import (
    CONSTRAINED_KEY,
    Measured,
    RecordedReport,
    attempt_of,
    exposure_key,
    exposure_of,
    measured_by_step,
    vector_key,
)
from spaces import Point, TrialConfig, settings_of
from trainable.errors import MemoryExhaustedError
from trainable.report import TrialReport
from trainable.seeding import child_seed

FINAL_STEP = "final step reached"
HALVED = "halved"
_HALVED_WORDS = ", with batches halved after it ran out of memory"
_HOPELESS_AFTER = 3

Loss = Literal["preempted", "node lost", "worker died"]
"""What took a worker away."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a trial after a report; ``SUSPEND`` leaves it to be resumed."""

    verdict: Verdict
    reason: str


@dataclass
class _Running:
    config: TrialConfig
    point: Point
    started: datetime
    vectors: dict[int, Vector] = field(default_factory=dict)
    exposures: dict[int, Vector] = field(default_factory=dict)
    constrained: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    seconds_before: float = 0.0

    @property
    def curve(self) -> Curve:
        return Curve(self.config.number, self.vectors, self.exposures)


@dataclass(frozen=True)
class _Orphan:
    """A trial whose worker or driver is gone, and what it reported so far."""

    number: int
    attempt: int
    vectors: Mapping[int, Vector] = field(default_factory=dict)
    exposures: Mapping[int, Vector] = field(default_factory=dict)


class Hub:
    """Owns the budget and every decision of a sweep.

    Args:
        spec: The sweep.
        study: With the objectives of the spec.
        companion: The curves for Optuna's own pruners.
        recorder: Keeps every event; made for the same folder.
        pruner: Asked at every rung but the last step. What it says of the audit group is recorded and not done.
        listener: Hears of every event.
        is_over: Tells whether the sweep should stop: the time limit has passed, or a signal arrived.
        files: The checkpoints of running trials; one is removed when its trial ends.

    """

    def __init__(
        self,
        spec: SweepSpec,
        study: optuna.Study,
        *,
        companion: Mirror,
        recorder: Record,
        pruner: Pruner,
        listener: Listener,
        is_over: Callable[[], bool],
        files: TrialFiles,
    ) -> None:
        self._spec, self._study, self._companion = spec, study, companion
        self._recorder, self._pruner, self._listener, self._is_over = recorder, pruner, listener, is_over
        self._files = files
        self._signs = [1 if objective.direction == "maximize" else -1 for objective in spec.objectives]
        self._metrics = [objective.metric for objective in spec.objectives]
        self._running: dict[int, _Running] = {}
        self._orphans: list[_Orphan] = []
        self._pool = CurvePool()
        self._constraints = Constraints(spec.search.constraints)
        self._ended: list[Ending] = []
        self._seconds_ended = 0.0

    @property
    def ended(self) -> int:
        """Number of trials that ended, in this run and before."""
        return len(self._ended)

    @property
    def completed(self) -> int:
        """Number of trials that ran to the last step."""
        return sum(ending.state == "COMPLETE" for ending in self._ended)

    @property
    def is_hopeless(self) -> bool:
        """Whether the first trials all failed, so that the next would too."""
        return len(self._ended) >= _HOPELESS_AFTER and all(ending.state == "FAIL" for ending in self._ended)

    @property
    def has_budget(self) -> bool:
        """Whether another trial may start."""
        if self._should_end() or self.is_hopeless:
            return False
        return bool(self._orphans) or self._asked() < self._spec.search.trials

    @property
    def gpu_hours(self) -> float:
        """Hours of GPUs that trials took, in this run and before."""
        seconds = self._seconds_ended + sum(one.seconds_before + one.seconds for one in self._running.values())
        return seconds * self._spec.trial.resources.gpus / 3600

    def last_failure(self) -> str:
        """Give the reason of the latest failed trial."""
        return next((ending.reason for ending in reversed(self._ended) if ending.state == "FAIL"), "")

    def remember(self, trial: FrozenTrial, ending: Ending) -> None:
        """Take in a trial that ended before this run."""
        curve = self._remembered(trial)
        self._ended.append(ending)
        self._seconds_ended += float(trial.user_attrs.get("seconds", 0.0))
        if ending.state == "COMPLETE":
            self._pool.finish(curve)
            if trial.number == 0:
                self._constraints.set_baseline(trial.user_attrs.get(CONSTRAINED_KEY, {}))
        self._companion.end(trial.number, curve.vectors.get(max(curve.vectors, default=0)), ending)

    def adopt(self, trial: FrozenTrial, *, reported: Mapping[int, RecordedReport], decided: Collection[int]) -> None:
        """Take in a trial that was running when the driver died; it goes on before any new one starts.

        A report that was recorded and not decided on is decided on now, from the same trials as it would have been.

        Args:
            trial: Running in the study.
            reported: By step, as the record holds them for the last attempt.
            decided: Steps of these that the record holds a decision for.

        """
        if not reported:
            self._orphans.append(_Orphan(trial.number, attempt_of(trial)))
            return
        running, last = self._taken_up(trial, reported), max(reported)
        if last not in decided:
            decision = self._judged(running, reported[last].as_report(last))
            self._decided(running.config, last, decision)
            if decision.verdict == "STOP":
                self._running[trial.number] = running
                self._end(trial.number, Ending("PRUNED", decision.reason))
                return
        self._orphans.append(_Orphan(trial.number, running.config.attempt, running.vectors, running.exposures))

    def signed(self, values: tuple[float, ...]) -> Vector:
        """Turn objectives so that larger is better."""
        return tuple(sign * value for sign, value in zip(self._signs, values, strict=True))

    def ask(self) -> TrialConfig | None:
        """Give the next trial to run, or ``None`` if no other may start."""
        while self.has_budget:
            trial, orphan = self._next()
            started = self._start_time(trial)
            point = self._draw(trial)
            config, fault = self._config(trial.number, orphan.attempt, from_step=max(orphan.vectors, default=0)), ""
            try:
                config = config.model_copy(update=vars(settings_of(point)))
            except ValidationError as error:
                fault = f"bad settings: {error.errors()[0]['msg']}"
            self._running[trial.number] = _Running(
                config,
                point,
                started,
                vectors=dict(orphan.vectors),
                exposures=dict(orphan.exposures),
                seconds_before=float(trial.user_attrs.get("seconds_before", 0.0)),
            )
            self._companion.go_on(config, orphan.vectors)
            if not fault:
                self._listener.started(config)
                return config
            self._end(trial.number, Ending("FAIL", fault))
        return None

    def report(self, number: int, report: TrialReport) -> Decision:
        """Take a report and decide.

        Args:
            number: Of a running trial.
            report: Of a step that this attempt has not reported yet.

        Returns:
            ``STOP`` at the last step and where the pruner says so.

        """
        running = self._running[number]
        self._recorder.report(running.config, report)
        running.seconds = report.seconds
        self._listener.reported(running.config, report)
        values = tuple(report.metrics.get(metric, math.nan) for metric in self._metrics)
        if fault := self._fault(values):
            return self._stop(number, report.step, Ending("FAIL", fault))
        self._note(running, report.step, self._measured(running, values, report.exposure, progress=report.progress))
        self._set_attr(number, "seconds", running.seconds_before + running.seconds)
        self._companion.report(number, report.step, running.vectors[report.step])
        if report.step >= self._spec.trial.steps:
            running.constrained = self._constrained(report.metrics)
            reason = f"{FINAL_STEP}{_HALVED_WORDS}" if self._attrs(number).get(HALVED) else FINAL_STEP
            return self._stop(number, report.step, Ending("COMPLETE", reason, values))
        decision = self._judged(running, report)
        if decision.verdict == "STOP":
            return self._stop(number, report.step, Ending("PRUNED", decision.reason))
        if self._should_end():
            decision = Decision("SUSPEND", "the sweep stops here; resume goes on")
        self._decided(running.config, report.step, decision)
        return decision

    def fail(self, number: int, reason: str) -> None:
        """Record that a running trial failed; a trial that has ended already is left as it is.

        One that ran out of memory starts again, once, with batches of half the size and twice as many of them.
        """
        running = self._running.get(number)
        if running is None:
            return
        if reason.startswith(MemoryExhaustedError.reason) and self._can_halve(running.config):
            self._set_attr(number, HALVED, True)
            self._set_attr(number, "seconds_before", running.seconds_before + running.seconds)
            self._orphans.append(_Orphan(number, running.config.attempt + 1))
            del self._running[number]
            return
        self._end(number, Ending("FAIL", reason))

    def lose(self, number: int, words: str, *, loss: Loss) -> None:
        """Hear that a worker is gone; its trial goes on elsewhere from its last report, or fails.

        Args:
            number: Of its trial; one that has ended already is left as it is.
            words: Ray's last words about it.
            loss: What took it; only a worker that died by itself uses up one of ``search.retries``.

        """
        running = self._running.get(number)
        if running is None:
            return
        losses = int(self._attrs(number).get("losses", 0)) + (loss == "worker died")
        if losses > self._spec.search.retries:
            self._end(number, Ending("FAIL", f"{loss}: {words}"))
            return
        self._set_attr(number, "losses", losses)
        self._orphans.append(_Orphan(number, running.config.attempt, dict(running.vectors), dict(running.exposures)))
        del self._running[number]

    def finish_adopted(
        self,
        trial: FrozenTrial,
        ending: Ending,
        *,
        reported: Mapping[int, RecordedReport],
        is_recorded: bool,
        is_decided: bool,
    ) -> None:
        """End a trial whose end was decided, and perhaps recorded, before the driver died.

        Args:
            trial: Running in the study.
            ending: What was decided.
            reported: By step, as the record holds them for the last attempt.
            is_recorded: Whether the record holds the ending already.
            is_decided: Whether it holds the decision on the last report.

        """
        running = self._taken_up(trial, reported)
        if reported and not is_decided:
            self._decided(running.config, max(reported), Decision("STOP", ending.reason))
        self._running[trial.number] = running
        self._end(trial.number, ending, is_recorded=is_recorded)

    def _taken_up(self, trial: FrozenTrial, reported: Mapping[int, RecordedReport]) -> _Running:
        """Give a trial of a dead driver as it was running; the study gets what only the record holds."""
        self._remembered(trial)
        attempt = attempt_of(trial)
        config = self._config(trial.number, attempt, from_step=max(reported, default=0))
        running = _Running(config, self._draw(self._live(trial.number)), self._start_time(trial))
        running.seconds_before = float(trial.user_attrs.get("seconds_before", 0.0))
        for step, report in sorted(reported.items()):
            self._note(running, step, self._measured(running, report.values, report.exposure, progress=report.progress))
            running.constrained, running.seconds = self._constrained(report.scores), report.seconds
        if reported:
            self._set_attr(trial.number, "seconds", running.seconds_before + running.seconds)
        self._companion.mirror(trial.number, running.vectors)
        return running

    def _judged(self, running: _Running, report: TrialReport) -> Decision:
        """Decide whether a trial goes on after a report that is not its last."""
        number = running.config.number
        if reason := self._hard_stop(number, report):
            return Decision("STOP", reason)
        reason = self._pruner.reason_to_stop(running.curve, self._pool) or ""
        if reason and self._is_audited(number):
            return Decision("CONTINUE", f"{AUDIT_PREFIX}{reason}")
        return Decision("STOP" if reason else "CONTINUE", reason)

    def _should_end(self) -> bool:
        limit = self._spec.search.gpu_hours
        return self._is_over() or (limit is not None and self.gpu_hours >= limit)

    def _next(self) -> tuple[optuna.Trial, _Orphan]:
        if self._orphans:
            orphan = self._orphans.pop(0)
            trial = self._live(orphan.number)
        else:
            self._seed_sampler(self._asked())
            planned = self._planned(self._asked())
            if planned is not None and not self._count(TrialState.WAITING):  # one waits if the driver died right here
                self._study.enqueue_trial(dict(self._spec.space.active(planned)))
            trial = self._study.ask()
            orphan = _Orphan(trial.number, 0)
        trial.set_user_attr("attempt", orphan.attempt)
        return trial, orphan

    def _config(self, number: int, attempt: int, *, from_step: int = 0) -> TrialConfig:
        """Give a trial's config with the settings of the plain baseline."""
        training = self._spec.trial
        return TrialConfig(
            number=number,
            attempt=attempt,
            from_step=from_step,
            model=self._spec.model,
            data=self._spec.data,
            training=training.halved() if self._attrs(number).get(HALVED) else training,
        )

    def _can_halve(self, config: TrialConfig) -> bool:
        return config.training.batch > 1 and not self._attrs(config.number).get(HALVED)

    def _live(self, number: int) -> optuna.Trial:
        """Take up a trial of the study as it was when it was asked for."""
        self._seed_sampler(number)
        return optuna.Trial(self._study, self._trial_id(number))

    def _seed_sampler(self, number: int) -> None:
        seed = child_seed(self._spec.search.seed, f"ask {number}") % 2**32
        self._study.sampler = make_sampler(self._spec.search.sampler, seed=seed)

    def _asked(self) -> int:
        return self._count(TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)

    def _count(self, *states: TrialState) -> int:
        return len(self._study.get_trials(deepcopy=False, states=states))

    def _draw(self, trial: optuna.Trial) -> Point:
        space, point = self._spec.space, self._planned(trial.number)
        if point is None:
            return space.draw(Redrawing(trial))
        for key in space.active(point):
            space.dimensions[key].draw(key, trial)
        return point

    def _planned(self, number: int) -> Point | None:
        """Give the point of the baseline or of an enqueued preset; ``None`` if the sampler decides."""
        if number == 0:
            return self._spec.space.baseline()
        if number <= len(self._spec.search.enqueue):
            return self._spec.space.preset(self._spec.search.enqueue[number - 1])
        return None

    def _start_time(self, trial: Any) -> datetime:
        started = trial.user_attrs.get("started")
        if started is None:
            started = self._recorder.now().isoformat()
            self._set_attr(trial.number, "started", started)
        return datetime.fromisoformat(started)

    def _remembered(self, trial: FrozenTrial) -> Curve:
        """Take in all that the study holds of a trial's attempts; gives the curve of the last."""
        curve = Curve(trial.number, {}, {})
        for attempt in range(attempt_of(trial) + 1):
            reports = measured_by_step(trial, attempt, steps=self._spec.trial.steps)
            vectors = {step: self.signed(report.values) for step, report in reports.items()}
            curve = Curve(trial.number, vectors, {step: report.exposure for step, report in reports.items()})
            for step, vector in vectors.items():
                self._pool.report(trial.number, step, vector)
        return curve

    def _measured(
        self, running: _Running, values: tuple[float, ...], exposure: Mapping[str, float], *, progress: float
    ) -> Measured:
        weighting = running.point["mixture.weighting.name"]
        return Measured(values, exposure_of(exposure, progress, metrics=self._metrics, weighting=weighting))

    def _note(self, running: _Running, step: int, measured: Measured) -> None:
        """Keep a report for decisions, here and in the study."""
        number, attempt = running.config.number, running.config.attempt
        running.vectors[step], running.exposures[step] = self.signed(measured.values), measured.exposure
        self._pool.report(number, step, running.vectors[step])
        self._set_attr(number, exposure_key(attempt, step), list(measured.exposure))
        self._set_attr(number, vector_key(attempt, step), list(measured.values))

    def _constrained(self, scores: Mapping[str, float]) -> Mapping[str, float]:
        return {metric: scores[metric] for metric in self._constraints.metrics if metric in scores}

    def _hard_stop(self, number: int, report: TrialReport) -> str | None:
        """Tell why a trial is stopped whatever the pruner says; the baseline, with which all are compared, never is."""
        if number == 0:
            return None
        return parse_failure_stop(report, metrics=self._metrics) or self._constraints.late_stop(report)

    def _constrain(self, number: int, scores: Mapping[str, float]) -> None:
        """Tell the study how a completed trial does by the constraints; from the baseline on they bind."""
        if not self._constraints.metrics:
            return
        self._set_attr(number, CONSTRAINED_KEY, dict(scores))
        if number == 0:
            self._constraints.set_baseline(scores)
        trial = optuna.Trial(self._study, self._trial_id(number))
        for metric, violation in self._constraints.violations(scores).items():
            if metric not in trial.constraints:
                trial.set_constraint(metric, violation)

    def _is_audited(self, number: int) -> bool:
        return is_audited(number, seed=self._spec.search.seed, share=self._spec.search.pruner.audit_share)

    def _fault(self, values: tuple[float, ...]) -> str | None:
        for objective, value in zip(self._spec.objectives, values, strict=True):
            if math.isnan(value):
                return f"bad data: {objective.metric} does not apply to the rows of the search split"
        return None

    def _stop(self, number: int, step: int, ending: Ending) -> Decision:
        decision = Decision("STOP", ending.reason)
        self._decided(self._running[number].config, step, decision)
        self._end(number, ending)
        return decision

    def _decided(self, config: TrialConfig, step: int, decision: Decision) -> None:
        self._recorder.decision(config, step=step, verdict=decision.verdict, reason=decision.reason)

    def _end(self, number: int, ending: Ending, *, is_recorded: bool = False) -> None:
        running = self._running[number]
        steps = max(running.vectors, default=0)
        if not is_recorded:
            self._recorder.ending(
                running.config,
                self._spec.space.used(running.point),
                ending,
                steps=steps,
                seconds=running.seconds_before + running.seconds,
                started=running.started,
            )
        self._set_attr(number, "reason", ending.reason)
        if ending.state == "COMPLETE":
            self._constrain(number, running.constrained)
        self._study.tell(number, ending.values, state=TrialState[ending.state])
        self._companion.end(number, running.vectors.get(steps), ending)
        del self._running[number]
        self._files.remove(number)
        self._ended.append(ending)
        self._seconds_ended += running.seconds_before + running.seconds
        if ending.state == "COMPLETE":
            self._pool.finish(running.curve)
        self._listener.ended(running.config, ending)

    def _set_attr(self, number: int, key: str, value: Any) -> None:
        self._study._storage.set_trial_user_attr(self._trial_id(number), key, value)

    def _attrs(self, number: int) -> Mapping[str, Any]:
        return self._study._storage.get_trial(self._trial_id(number)).user_attrs

    def _trial_id(self, number: int) -> int:
        return self._study._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)
