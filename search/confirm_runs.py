"""Runs of a confirmation on Ray: warm workers that take one run after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

from search.confirm_plan import Run
from search.errors import ClusterError
from search.hub import Loss
from search.scheduler import loss_of
from spaces import TrialConfig
from spaces.trial import ResourcesConfig
from trainable.checkpoints import CheckpointPlace
from trainable.errors import MemoryExhaustedError
from trainable.host import HeldBack
from trainable.messages import CHECKPOINT_KEY, ENDING_KEY, STEP_KEY, TRIAL_KEY, report_of
from trainable.report import TrialReport
from trainable.rerun import Rerun

_LOOK_S = 0.5
_MOST_WORDS = 300
_MOST_STILLBORN = 3


@dataclass(frozen=True)
class Job:
    """A run that is still to be trained, or only to be scored.

    Attributes:
        run: The run.
        config: What its worker is told; its number is the run's.
        place: Of its state.
        split: That it is scored on.
        losses: How often its worker died.

    """

    run: Run
    config: TrialConfig
    place: CheckpointPlace
    split: HeldBack
    losses: int = 0

    @property
    def told(self) -> Mapping[str, str]:
        """The same as plain texts."""
        return {TRIAL_KEY: self.config.model_dump_json(), CHECKPOINT_KEY: self.place.model_dump_json()}

    def again(self, *, losses: int = 0) -> Job:
        """Give the same job for another worker, which goes on from the saved state."""
        config = self.config.model_copy(update={"from_step": max(self.config.from_step, 1)})
        return replace(self, config=config, losses=self.losses + losses)

    def halved(self) -> Job | None:
        """Give the same job from its start with batches of half the size; ``None`` if that was done or can't be."""
        if self.config.attempt or self.config.training.batch == 1:
            return None
        training = self.config.training.halved()
        return replace(self, config=self.config.model_copy(update={"training": training, "attempt": 1, "from_step": 0}))


@dataclass(frozen=True)
class Finished:
    """A job that came to its end.

    Attributes:
        job: As it was run at last.
        report: With its predictions; ``None`` if it failed.
        started: When it was handed to its first worker.
        reason: Of the failure, or an empty text.

    """

    job: Job
    report: TrialReport | None
    started: datetime
    reason: str = ""


@dataclass(frozen=True)
class _Busy:
    """A worker that was asked for something: since when, and for which job, if it has one."""

    actor: Any
    job: Job | None
    since: float


class Workers:
    """Gives jobs to as many workers as there is room for, which stay warm for the next jobs.

    A job that an interruption stops is not finished: it goes on in another session from its last rung. A job whose
    worker is gone goes on with another; a worker that dies by itself uses up one of the job's retries.

    Args:
        resources: Of each worker.
        count: The most workers.
        retries: How often a job may lose its worker.
        check: Raises if Ray is gone.
        is_interrupted: Whether to stop: no job begins then, and none goes on after its next rung.
        now: Gives the time with its zone.
        clock: In seconds.

    """

    def __init__(
        self,
        resources: ResourcesConfig,
        *,
        count: int,
        retries: int,
        check: Callable[[], None],
        is_interrupted: Callable[[], bool],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count, self._retries = count, retries
        self._check, self._is_interrupted, self._clock = check, is_interrupted, clock
        self._now, self._started = now, dict[int, datetime]()
        self._stillborn = 0
        actor: Any = ray.remote(Rerun)
        self._make = actor.options(
            num_cpus=resources.cpus,
            num_gpus=resources.gpus,
            resources=dict(resources.custom),
            max_restarts=0,
            max_task_retries=0,
        )
        self._waiting: list[Job] = []
        self._busy: dict[Any, _Busy] = {}
        self._idle: list[Any] = []

    def finished(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        """Run jobs and give each as it ends; without more to give after an interruption, or when all have ended.

        Raises:
            RayLost: If Ray is gone.
            ClusterError: If no worker lives long enough to take a job.

        """
        self._waiting = list(jobs)
        warm, self._idle = self._idle, []
        for actor in warm:
            self._next(actor)
        for _ in range(min(self._count, len(jobs)) - len(warm)):
            self._start()
        while self._is_working():
            ready, _ = ray.wait(list(self._busy), num_returns=1, timeout=_LOOK_S)
            self._check()
            for reference in ready:
                if (ended := self._hear(reference)) is not None:
                    yield ended
        for busy in self._busy.values():
            ray.kill(busy.actor)
        self._busy.clear()

    def _is_working(self) -> bool:
        """Tell whether a job runs, or one waits that may begin."""
        is_running = any(busy.job is not None for busy in self._busy.values())
        return is_running or bool(self._waiting and not self._is_interrupted())

    def _start(self) -> None:
        """Start a worker; it gets its first job when it answers, since there may not be room for it."""
        actor = self._make.remote()
        self._busy[actor.hello.remote()] = _Busy(actor, None, self._clock())

    def _hear(self, reference: Any) -> Finished | None:
        busy = self._busy.pop(reference)
        try:
            result: Any = ray.get(reference)
        except RayError as error:
            return self._lost(busy, error)
        job = busy.job
        if job is None or (STEP_KEY in result and self._is_interrupted()):
            self._next(busy.actor)
            return None
        if STEP_KEY in result:
            self._call(busy.actor, job, is_trained=result[STEP_KEY] >= job.config.training.steps)
            return None
        if ENDING_KEY in result:
            reason = result[ENDING_KEY]
            halved = job.halved() if reason.startswith(MemoryExhaustedError.reason) else None
            if halved is not None:
                self._waiting.insert(0, halved)
            self._next(busy.actor)
            return None if halved is not None else self._finished(job, None, reason)
        self._next(busy.actor)
        return self._finished(job, report_of(result))

    def _finished(self, job: Job, report: TrialReport | None, reason: str = "") -> Finished:
        return Finished(job, report, self._started[job.run.run], reason)

    def _next(self, actor: Any) -> None:
        """Give a worker its next job, or keep it for later, unless another waits for its place."""
        if self._waiting and not self._is_interrupted():
            job = self._waiting.pop(0)
            self._started.setdefault(job.run.run, self._now())
            self._call(actor, job, is_trained=job.split == "test")
        elif any(busy.job is None for busy in self._busy.values()):
            ray.kill(actor)
        else:
            self._idle.append(actor)

    def _call(self, actor: Any, job: Job, *, is_trained: bool) -> None:
        call = actor.score.remote(job.told, job.split) if is_trained else actor.train.remote(job.told)
        self._busy[call] = _Busy(actor, job, self._clock())

    def _lost(self, busy: _Busy, error: RayError) -> Finished | None:
        """Hear that a worker is gone, or of an error that its code did not expect."""
        self._check()
        if self._is_interrupted():  # the signal may have gone to all processes
            return None
        job, loss = busy.job, _loss_of(error)
        if job is None:
            self._stillborn += loss == "worker died"
            if self._stillborn > _MOST_STILLBORN:
                raise ClusterError(f"workers die as they start, the last one so: {_words(error)}")
            self._start()
            return None
        silent, limit = self._clock() - busy.since, job.config.training.time_limit
        if isinstance(error, RayTaskError):
            reason = f"error: {_words(error)}"
        elif limit is not None and silent >= limit:
            reason = f"timeout: no rung for {silent:.0f} s; trial.time_limit is {limit:g} s"
        elif loss == "worker died" and job.losses >= self._retries:
            reason = f"{loss}: {_words(error)}"
        else:
            self._waiting.insert(0, job.again(losses=int(loss == "worker died")))
            reason = ""
        if self._waiting:
            self._start()
        return self._finished(job, None, reason) if reason else None


def _loss_of(error: RayError) -> Loss:
    """Say what took a worker; one that is out of reach is taken for lost with its node, as in a sweep."""
    return "node lost" if isinstance(error, ActorUnavailableError) else loss_of(error)


def _words(error: RayError) -> str:
    return " ".join(str(error).split())[:_MOST_WORDS]
