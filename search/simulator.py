"""A sweep on simulated workers: hub, sampler and pruner are those of a real one, and nothing is trained."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import optuna

from results.schema import Role, Verdict
from search.companion import Companion
from search.hub import Hub
from search.interfaces import Mirror
from search.memory_study import memory_studies
from search.pruners import Pruner, Vector, make_pruner
from search.recorder import Ending
from search.requests import Request
from search.spec import SweepSpec
from search.study import Studies
from spaces import Scalar, TrialConfig
from trainable.report import TrialReport


@dataclass(frozen=True)
class SimulatedFailure:
    """The end of a trial that can't go on.

    Attributes:
        reason: As a worker would name it.
        seconds: Simulated seconds since the trial's start.

    """

    reason: str
    seconds: float


Reports = Iterator[TrialReport | SimulatedFailure]
Landscape = Callable[[TrialConfig], Reports]
"""What a trial of a config would report, step by step; ``seconds`` are simulated ones since its start.

The last is the report of the last step, or a failure.
"""

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SimulatedEnding:
    """How a simulated trial ended.

    Attributes:
        config: Its settings.
        ending: As the hub recorded it.
        steps: Last step that was reported.
        spent_s: Simulated seconds that all workers together had spent when it ended.

    """

    config: TrialConfig
    ending: Ending
    steps: int
    spent_s: float


@dataclass(frozen=True)
class SimulatedDecision:
    """What the hub decided on a simulated report."""

    number: int
    step: int
    verdict: Verdict
    reason: str


@dataclass
class MemoryRecord:
    """A record that lasts as long as the process; its clock is set from outside."""

    clock_s: float = 0.0
    spent_s: float = 0.0
    reports: int = 0
    decisions: list[SimulatedDecision] = field(default_factory=list)
    endings: list[SimulatedEnding] = field(default_factory=list)

    def now(self) -> datetime:
        """Give the simulated time."""
        return _EPOCH + timedelta(seconds=self.clock_s)

    def predictions(self, config: TrialConfig, report: TrialReport) -> None:
        """Nothing: simulated trials answer nothing."""

    def report(self, config: TrialConfig, report: TrialReport) -> None:
        """Count a report."""
        self.reports += 1

    def decision(self, config: TrialConfig, *, step: int, verdict: Verdict, reason: str) -> None:
        """Keep a decision."""
        self.decisions.append(SimulatedDecision(config.number, step, verdict, reason))

    def ending(
        self,
        config: TrialConfig,
        params: Mapping[str, Scalar | None],
        ending: Ending,
        *,
        role: Role,
        steps: int,
        seconds: float,
        started: datetime,
    ) -> None:
        """Keep an ending."""
        self.endings.append(SimulatedEnding(config, ending, steps, self.spent_s))


class NoMirror:
    """Keeps no curve; for pruners that ask no companion study."""

    def go_on(self, config: TrialConfig, vectors: Mapping[int, Vector]) -> None:
        """Nothing."""

    def report(self, number: int, step: int, vector: Vector) -> None:
        """Nothing."""

    def mirror(self, number: int, vectors: Mapping[int, Vector]) -> None:
        """Nothing."""

    def end(self, number: int, vector: Vector | None, ending: Ending) -> None:
        """Nothing."""


class NoCheckpoints:
    """Simulated trials leave no checkpoints."""

    def remember(self, number: int, ending: Ending) -> None:
        """Nothing."""

    def ended(self, number: int, ending: Ending, *, pinned: Collection[int]) -> None:
        """Nothing."""

    def tidy(self, *, running: Collection[int], pinned: Collection[int]) -> None:
        """Nothing."""


class NoRequests:
    """Nobody asks anything of a simulated sweep."""

    def pending(self) -> list[Request]:
        """Give none."""
        return []

    def done(self, request: Request) -> None:
        """Nothing."""


class _Deaf:
    def started(self, config: TrialConfig) -> None:
        pass

    def reported(self, config: TrialConfig, report: TrialReport) -> None:
        pass

    def ended(self, config: TrialConfig, ending: Ending) -> None:
        pass


def simulate(
    spec: SweepSpec,
    landscape: Landscape,
    *,
    budget_s: float = float("inf"),
    pruner: Pruner | None = None,
    studies: Studies | None = None,
    timer: Callable[[], float] = time.perf_counter,
) -> MemoryRecord:
    """Run a sweep on ``search.concurrency`` simulated workers.

    A worker that waits for the sampler waits for as long as the sampler really takes.

    Args:
        spec: The sweep.
        landscape: Gives every trial's reports.
        budget_s: Simulated seconds that the workers may spend together; running trials are then left as they are.
        pruner: That of the spec if absent.
        studies: Fresh ones in memory if absent.
        timer: Measures the sampler, in seconds.

    Returns:
        Everything that was decided.

    """
    studies = studies or memory_studies([objective.direction for objective in spec.objectives])
    record = MemoryRecord()
    hub = Hub(
        spec,
        studies.main,
        companion=_mirror(spec, studies.companion),
        recorder=record,
        pruner=pruner or make_pruner(spec, studies.companion),
        listener=_Deaf(),
        is_over=lambda: record.spent_s >= budget_s,
        files=NoCheckpoints(),
        requests=NoRequests(),
    )
    _Workers(hub, record, landscape, timer=timer).run(spec.search.concurrency)
    return record


def _mirror(spec: SweepSpec, companion: optuna.Study) -> Mirror:
    if spec.search.pruner.name != "optuna":
        return NoMirror()
    return Companion(companion, [objective.metric for objective in spec.objectives])


class _Workers:
    """The queue of reports to come; of two at the same time, the one asked for first comes first."""

    def __init__(self, hub: Hub, record: MemoryRecord, landscape: Landscape, *, timer: Callable[[], float]) -> None:
        self._hub, self._record, self._landscape, self._timer = hub, record, landscape, timer
        self._queue: list[tuple[float, int, float, TrialConfig, TrialReport | SimulatedFailure, Reports]] = []
        self._turn = itertools.count()

    def run(self, workers: int) -> None:
        free = workers
        while True:
            while free and self._start():
                free -= 1
            if not self._queue:
                return
            free += self._next()

    def _start(self) -> bool:
        before = self._timer()
        config = self._hub.ask()
        if config is None:
            return False
        waited = self._timer() - before
        self._record.spent_s += waited
        self._push(self._record.clock_s + waited, config, self._landscape(config), since=0.0)
        return True

    def _push(self, start_s: float, config: TrialConfig, reports: Reports, *, since: float) -> None:
        report = next(reports)
        entry = (start_s + report.seconds, next(self._turn), report.seconds - since, config, report, reports)
        heapq.heappush(self._queue, entry)

    def _next(self) -> int:
        """Take the next report to the hub; gives the number of workers that this frees."""
        now, _, took, config, report, reports = heapq.heappop(self._queue)
        self._record.clock_s = now
        self._record.spent_s += took
        if isinstance(report, SimulatedFailure):
            self._hub.fail(config.number, report.reason)
            return 1
        if self._hub.report(config.number, report).verdict != "CONTINUE":
            return 1
        self._push(now - report.seconds, config, reports, since=report.seconds)
        return 0


def completed(record: MemoryRecord) -> Sequence[SimulatedEnding]:
    """Give the trials that ran to the last step, in order of ending."""
    return [each for each in record.endings if each.ending.state == "COMPLETE"]
