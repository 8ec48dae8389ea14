"""The one place that asks, takes reports, decides and finishes; it knows no Ray.

Order of writes: the answers behind a trial's last report become durable in Parquet, then the report, then its
objectives in the Optuna study, then a decision is made and recorded, then the caller hears it. After a crash the hub
rebuilds itself from the study and the record.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

import optuna
from pydantic import ValidationError

from search.interfaces import Kept, Listener, Mirror, Record
from search.judge import Decision, Judge
from search.opener import HALVED_KEY, Opener
from search.orders import Orders, Requests
from search.pruners import Curve, Pruner, Vector
from search.recorder import Ending
from search.running import Orphan, Running
from search.spec import SweepSpec
from search.study_trials import StudyTrials
from search.vectors import (
    CONSTRAINED_KEY,
    Measured,
    RecordedReport,
    attempt_of,
    exposure_of,
    measured_by_step,
    report_cell,
    report_key,
)
from spaces import TrialConfig, settings_of
from trainable.errors import MemoryExhaustedError
from trainable.report import TrialReport

FINAL_STEP = "final step reached"
HALVED_WORDS = ", with batches halved after it ran out of memory"
_HOPELESS_AFTER = 3

Loss = Literal["preempted", "node lost", "worker died"]
"""What took a worker away."""


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
        files: The checkpoints of trials; hears which of them ended.
        requests: What users ask of single trials.

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
        files: Kept,
        requests: Requests,
    ) -> None:
        self._spec, self._companion, self._recorder = spec, companion, recorder
        self._listener, self._is_over, self._files = listener, is_over, files
        self._trials = StudyTrials(study, sampler=spec.search.sampler, seed=spec.search.seed)
        self._opener = Opener(spec, self._trials, now=recorder.now)
        self._orders = Orders(spec, self._trials, requests)
        self._judge = Judge(spec, pruner, orders=self._orders)
        self._signs = [1 if objective.direction == "maximize" else -1 for objective in spec.objectives]
        self._metrics = [objective.metric for objective in spec.objectives]
        self._running: dict[int, Running] = {}
        self._orphans: list[Orphan] = []
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
    def has_trials_left(self) -> bool:
        """Whether trials are left that this run or the next would run."""
        return bool(self._running) or self._has_next()

    @property
    def has_budget(self) -> bool:
        """Whether another trial may start."""
        return not (self.should_end or self.is_hopeless) and self._has_next()

    def _has_next(self) -> bool:
        self._orders.take()
        given = self._trials.asked + self._trials.waiting - self._orders.clones
        return bool(self._orphans or self._trials.waiting) or given < self._spec.search.trials

    @property
    def gpu_hours(self) -> float:
        """Hours of GPUs that trials took, in this run and before; packed trials share theirs."""
        others = (*self._running.values(), *self._orphans)
        seconds = self._seconds_ended + sum(one.all_seconds for one in others)
        pack = 1 if self._spec.trial.pack == "auto" else self._spec.trial.pack
        return seconds * self._spec.trial.resources.gpus / pack / 3600

    def last_failure(self) -> str:
        """Give the reason of the latest failed trial."""
        return next((ending.reason for ending in reversed(self._ended) if ending.state == "FAIL"), "")

    def remember(self, number: int, ending: Ending) -> None:
        """Take in a trial that ended before this run."""
        attrs = self._trials.attrs(number)
        curve, seconds = self._remembered(number, attrs)
        self._ended.append(ending)
        self._files.remember(number, ending)
        self._seconds_ended += seconds
        if ending.state == "COMPLETE":
            self._judge.finish(curve)
            if number == 0:
                self._judge.set_baseline(attrs.get(CONSTRAINED_KEY, {}))
        self._companion.end(number, curve.vectors.get(max(curve.vectors, default=0)), ending)

    def take_orders(self) -> None:
        """Take in what users ask of single trials."""
        self._orders.take()

    def adopt(self, number: int, *, reported: Mapping[int, RecordedReport], decided: Collection[int]) -> None:
        """Take in a trial that was running when the driver died; it goes on before any new one starts.

        A report that was recorded and not decided on is decided on now, from the same trials as it would have been.

        Args:
            number: Of a trial that is running in the study.
            reported: By step, as the record holds them for the last attempt.
            decided: Steps of these that the record holds a decision for.

        """
        if not reported:
            attrs = self._trials.attrs(number)
            self._orphans.append(Orphan(number, attempt_of(attrs), seconds_before=float(attrs.get(HALVED_KEY, 0.0))))
            return
        running, last = self._taken_up(number, reported), max(reported)
        if last not in decided:
            self._running[number] = running
            if self._decide(running, reported[last].as_report(last)).verdict == "STOP":
                return
            del self._running[number]
        self._orphan(running)

    def tidy(self) -> None:
        """Remove the checkpoints that an earlier driver left and nobody needs.

        Raises:
            OSError: If they can't be listed or removed.

        """
        running = {orphan.number for orphan in self._orphans}
        self._files.tidy(running=running, pinned=self._orders.pinned)

    def signed(self, values: tuple[float, ...]) -> Vector:
        """Turn objectives so that larger is better."""
        return tuple(sign * value for sign, value in zip(self._signs, values, strict=True))

    def ask(self) -> TrialConfig | None:
        """Give the next trial to run, or ``None`` if no other may start."""
        while self.has_budget:
            orphan = self._next()
            running = self._opener.open(orphan.number, orphan.attempt, from_step=max(orphan.vectors, default=0))
            running.vectors, running.exposures = dict(orphan.vectors), dict(orphan.exposures)
            running.seconds, fault = orphan.seconds, ""
            try:
                running.config = running.config.model_copy(update=vars(settings_of(running.point)))
            except ValidationError as error:
                fault = f"bad settings: {error.errors()[0]['msg']}"
            self._running[orphan.number] = running
            self._companion.go_on(running.config, orphan.vectors)
            if not fault:
                self._listener.started(running.config)
                return running.config
            self._end(orphan.number, Ending("FAIL", fault))
        return None

    def report(self, number: int, report: TrialReport) -> Decision:
        """Take a report and decide.

        Args:
            number: Of a running trial.
            report: Of a step that this attempt has not reported yet.

        Returns:
            ``STOP`` at the last step and where the pruner says so.

        """
        running, fault = self._running[number], self._judge.fault(report)
        is_last = report.step >= self._spec.trial.steps
        if is_last and not fault:
            self._recorder.predictions(running.config, report)
        self._recorder.report(running.config, report)
        self._listener.reported(running.config, report)
        self._orders.take()
        values = tuple(report.metrics.get(metric, math.nan) for metric in self._metrics)
        running.seconds, running.heard = report.seconds, self._recorder.now()
        if fault:
            return self._stop(running, report.step, Ending("FAIL", fault))
        self._note(running, report.step, self._measured(running, RecordedReport.of(report, values)))
        self._companion.report(number, report.step, running.vectors[report.step])
        if is_last:
            running.constrained = self._judge.constrained(report.metrics)
            return self._stop(running, report.step, Ending("COMPLETE", self._final_reason(number), values))
        return self._decide(running, report)

    def fail(self, number: int, reason: str) -> None:
        """Record that a running trial failed; a trial that has ended already is left as it is.

        One that ran out of memory starts again, once, with batches of half the size and twice as many of them.
        """
        running = self._running.get(number)
        if running is None:
            return
        if reason.startswith(MemoryExhaustedError.reason) and self._opener.can_halve(running.config):
            words = f"{reason}; starts again with batches halved"
            self._decided(running, running.last_step, Decision("REQUEUE", words))
            again = running.config.attempt + 1
            self._trials.set_attr(number, "attempt", again)  # first: it never goes on from the earlier attempt's state
            self._trials.set_attr(number, HALVED_KEY, running.all_seconds)
            self._orphans.append(Orphan(number, again, seconds_before=running.all_seconds))
            del self._running[number]
            return
        self._end(number, Ending("FAIL", reason))

    def lose(self, number: int, words: str, *, loss: Loss) -> None:
        """Hear that a worker is gone; its trial goes on elsewhere from its last report, or fails.

        Args:
            number: Of its trial; one that has ended already is left as it is.
            words: Ray's last words about it.
            loss: What took it; only a worker that died by itself uses up one of ``search.retries``, and one that was
                silent for longer than ``trial.time_limit`` was ended for that.

        """
        running = self._running.get(number)
        if running is None:
            return
        if loss == "worker died" and (reason := self._silence(running)):
            self._end(number, Ending("FAIL", reason))
            return
        losses = int(self._trials.attrs(number).get("losses", 0)) + (loss == "worker died")
        if losses > self._spec.search.retries:
            self._end(number, Ending("FAIL", f"{loss}: {words}"))
            return
        self._decided(running, running.last_step, Decision("REQUEUE", f"{loss}: {words}"))
        self._trials.set_attr(number, "losses", losses)
        self._orphan(running)
        del self._running[number]

    def finish_adopted(
        self,
        number: int,
        ending: Ending,
        *,
        reported: Mapping[int, RecordedReport],
        is_recorded: bool,
        is_decided: bool,
    ) -> None:
        """End a trial whose end was decided, and perhaps recorded, before the driver died.

        Args:
            number: Of a trial that is running in the study.
            ending: What was decided.
            reported: By step, as the record holds them for the last attempt.
            is_recorded: Whether the record holds the ending already.
            is_decided: Whether it holds the decision on the last report.

        """
        running = self._taken_up(number, reported)
        if ending.state == "COMPLETE":
            ending = replace(ending, reason=self._final_reason(number))
        if reported and not is_decided:
            self._decided(running, max(reported), Decision("STOP", ending.reason))
        self._running[number] = running
        self._end(number, ending, is_recorded=is_recorded)

    def _taken_up(self, number: int, reported: Mapping[int, RecordedReport]) -> Running:
        """Give a trial of a dead driver as it was running; the study gets what only the record holds."""
        attrs = self._trials.attrs(number)
        self._remembered(number, attrs)
        running = self._opener.open(number, attempt_of(attrs), from_step=max(reported, default=0))
        for step, report in sorted(reported.items()):
            self._note(running, step, self._measured(running, report))
            running.constrained, running.seconds = self._judge.constrained(report.scores), report.seconds
        self._companion.mirror(number, running.vectors)
        return running

    def _orphan(self, running: Running) -> None:
        self._orphans.append(
            Orphan(
                running.number,
                running.config.attempt,
                dict(running.vectors),
                dict(running.exposures),
                running.seconds,
                running.seconds_before,
            )
        )

    def _decide(self, running: Running, report: TrialReport) -> Decision:
        """Decide on a report that is not a trial's last, and carry it out."""
        if reason := self._overtime(running):
            return self._stop(running, report.step, Ending("FAIL", reason))
        decision = self._judge.judged(running.curve, report)
        if decision.verdict == "STOP":
            return self._stop(running, report.step, Ending("PRUNED", decision.reason))
        if self.should_end:
            doubt = f"{decision.reason}; " if decision.reason else ""
            decision = Decision("SUSPEND", f"{doubt}the sweep stops here; resume goes on")
        self._decided(running, report.step, decision)
        return decision

    def _final_reason(self, number: int) -> str:
        return f"{FINAL_STEP}{HALVED_WORDS}" if self._opener.is_halved(number) else FINAL_STEP

    @property
    def should_end(self) -> bool:
        """Whether a limit is reached or a signal arrived, so that no trial starts or goes on."""
        limit = self._spec.search.gpu_hours
        return self._is_over() or (limit is not None and self.gpu_hours >= limit)

    def _overtime(self, running: Running) -> str:
        limit = self._spec.trial.time_limit
        if limit is None or running.all_seconds <= limit:
            return ""
        return f"timeout: {running.all_seconds:.0f} s up to step {running.last_step}; trial.time_limit is {limit:g} s"

    def _silence(self, running: Running) -> str:
        limit, silent = self._spec.trial.time_limit, (self._recorder.now() - running.heard).total_seconds()
        if limit is None or silent < limit:
            return ""
        return f"timeout: no report for {silent:.0f} s; trial.time_limit is {limit:g} s"

    def _next(self) -> Orphan:
        orphan = self._orphans.pop(0) if self._orphans else Orphan(self._opener.ask(), 0)
        self._trials.set_attr(orphan.number, "attempt", orphan.attempt)
        return orphan

    def _remembered(self, number: int, attrs: Mapping[str, Any]) -> tuple[Curve, float]:
        """Take in all that the study holds of a trial's attempts; gives the curve of the last, and its seconds."""
        curve, seconds = Curve(number, {}, {}), 0.0
        for attempt in range(attempt_of(attrs) + 1):
            reports = measured_by_step(attrs, attempt)
            vectors = {step: self.signed(report.values) for step, report in reports.items()}
            curve = Curve(number, vectors, {step: report.exposure for step, report in reports.items()})
            seconds = max((report.seconds for report in reports.values()), default=0.0)
            for step, vector in vectors.items():
                self._judge.see(number, step, vector)
        return curve, seconds + float(attrs.get(HALVED_KEY, 0.0))

    def _measured(self, running: Running, report: RecordedReport) -> Measured:
        weighting = running.point["mixture.weighting.name"]
        exposure = exposure_of(report.exposure, report.progress, metrics=self._metrics, weighting=weighting)
        return Measured(report.values, exposure, report.seconds)

    def _note(self, running: Running, step: int, measured: Measured) -> None:
        """Keep a report for decisions, here and in the study."""
        running.vectors[step], running.exposures[step] = self.signed(measured.values), measured.exposure
        self._judge.see(running.number, step, running.vectors[step])
        self._trials.set_attr(running.number, report_key(running.config.attempt, step), report_cell(measured))

    def _stop(self, running: Running, step: int, ending: Ending) -> Decision:
        decision = Decision("STOP", ending.reason)
        self._decided(running, step, decision)
        self._end(running.number, ending)
        return decision

    def _decided(self, running: Running, step: int, decision: Decision) -> None:
        self._recorder.decision(running.config, step=step, verdict=decision.verdict, reason=decision.reason)

    def _end(self, number: int, ending: Ending, *, is_recorded: bool = False) -> None:
        running = self._running[number]
        if not is_recorded:
            self._recorder.ending(
                running.config,
                self._spec.space.used(running.point),
                ending,
                role=running.role,
                steps=running.last_step,
                seconds=running.all_seconds,
                started=running.started,
            )
        self._trials.set_attr(number, "reason", ending.reason)
        if ending.state == "COMPLETE" and self._judge.has_constraints:
            self._constrain(number, running.constrained)
        self._trials.tell(number, ending)
        self._companion.end(number, running.vectors.get(running.last_step), ending)
        del self._running[number]
        self._files.ended(number, ending, pinned=self._orders.pinned)
        self._ended.append(ending)
        self._seconds_ended += running.all_seconds
        if ending.state == "COMPLETE":
            self._judge.finish(running.curve)
        self._listener.ended(running.config, ending)

    def _constrain(self, number: int, scores: Mapping[str, float]) -> None:
        """Tell the study how a completed trial does by the constraints; from the baseline on they bind."""
        self._trials.set_attr(number, CONSTRAINED_KEY, dict(scores))
        if number == 0:
            self._judge.set_baseline(scores)
        self._trials.constrain(number, self._judge.violations(scores))
