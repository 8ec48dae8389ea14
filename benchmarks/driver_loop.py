"""A driver without workers: hub, study and record as in a sweep, fed with made-up curves."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from stopwatch import Stopwatch

from results import write_report, write_sweep_json
from results.sweep_file import SWEEP_FILE
from search.companion import Companion
from search.hub import Hub
from search.judge import Judge
from search.landscapes import MadeLandscape
from search.recorder import Ending, Recorder, record_columns
from search.recovery import open_hub
from search.spec import SweepSpec
from search.study import STUDY_FILE, STUDY_NAME
from search.study_trials import StudyTrials
from search.sweep_spec import SPEC_KEY, spec_of
from spaces import TERM_NAMES, TrialConfig
from trainable.evaluation.prediction import Prediction
from trainable.report import TrialReport

_ANSWERS = tuple(
    Prediction(f"row-{at}", "a red box", (100.0, 100.0, 500.0, 500.0), {"grounding.miou": 0.5}, {"grounding.miou": 1.0})
    for at in range(64)
)
"""To the rows of the search split, 64 of them."""

WINDOW = 100
"""Trials before each size that are really run, and over which latencies are taken."""

STOCK_ASKS = 20
ASK, REPORT, JUDGE = "ask", "report", "decision"
GO_ON, END = "report, trial goes on", "report, trial ends"
PARQUET, STUDY, COMPANION = "record", "study", "companion"
SAVING = (
    *((Recorder, name, PARQUET) for name in ("predictions", "report", "decision", "ending")),
    *((StudyTrials, name, STUDY) for name in ("set_attr", "tell", "enqueue", "constrain")),
    *((Companion, name, COMPANION) for name in ("go_on", "report", "end")),
    (Judge, "judged", JUDGE),
)


@dataclass(frozen=True)
class Measured:
    """A driver after some number of trials.

    Attributes:
        trials: That ended.
        latencies_s: CPU seconds of each call of the last ``WINDOW`` trials, by kind.
        memory_bytes: Of the driver's process: with all modules loaded, with the hub open, after the last trial.
        study_bytes: Size of the database with its log.
        record_bytes: Size of all parts.
        parts: Number of files of the record.
        wall_s: What the hub took for each of the last trials, waiting for the disk included.
        resume_s: CPU seconds until the hub is open, with all but the last trials in its folder.
        report_s: CPU seconds of the report.
        stock_asks_s: CPU seconds of each of Optuna's own asks on the same study.

    """

    trials: int
    latencies_s: Mapping[str, list[float]]
    memory_bytes: tuple[int, int, int]
    study_bytes: int
    record_bytes: int
    parts: int
    wall_s: float
    resume_s: float
    report_s: float
    stock_asks_s: list[float]


class Silent:
    """A listener that says nothing."""

    def started(self, config: TrialConfig) -> None:
        """Nothing."""

    def reported(self, config: TrialConfig, report: TrialReport) -> None:
        """Nothing."""

    def ended(self, config: TrialConfig, ending: Ending) -> None:
        """Nothing."""


def memory_bytes() -> int:
    """Give the resident memory of this process (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def full_reports(config: TrialConfig) -> Iterator[TrialReport]:
    """Give a trial's made-up curve, with losses, weights and, at its end, answers as trained trials report them."""
    terms = dict.fromkeys(TERM_NAMES, 0.5)
    for report in MadeLandscape("mixed").reports(config):
        is_last = report.step >= config.training.steps
        yield replace(report, losses=terms, weights=terms, weighted=terms, predictions=_ANSWERS if is_last else ())


def start(spec: SweepSpec, folder: Path) -> Hub:
    """Open the hub of a sweep, new or not."""
    if not (folder / SWEEP_FILE).exists():
        write_sweep_json(folder, record_columns(spec), metadata={SPEC_KEY: spec.model_dump_json(), "data_hash": ""})
    return open_hub(spec, folder, listener=Silent(), is_over=lambda: False)


def measure(spec: SweepSpec, folder: Path, size: int) -> Measured:
    """Run a sweep up to a number of trials, and measure the last ones; meant for a new process.

    Args:
        spec: The sweep.
        folder: Of the sweep, new or with all but the last ``WINDOW`` trials.
        size: Number of trials.

    """
    before, started = memory_bytes(), time.process_time()
    hub = start(spec, folder)
    opened, resume_s = memory_bytes(), time.process_time() - started
    loop, known, watch = Loop(hub, full_reports, workers=spec.search.concurrency), hub.ended, Stopwatch()
    loop.watch = watch
    with watch.watching(SAVING):
        loop.run(until=size)
    grown = memory_bytes()
    parts = list(folder.glob("*/part-*.parquet"))
    reporting = time.process_time()
    write_report(folder)
    return Measured(
        trials=hub.ended,
        latencies_s=dict(watch.took_s),
        memory_bytes=(before, opened, grown),
        study_bytes=sum(path.stat().st_size for path in folder.glob("study.db*")),
        record_bytes=sum(path.stat().st_size for path in parts),
        parts=len(parts),
        wall_s=loop.wall_s / max(hub.ended - known, 1),
        resume_s=resume_s,
        report_s=time.process_time() - reporting,
        stock_asks_s=stock_asks(folder),
    )


class Loop:
    """Feeds a hub as its workers would, one report of each running trial in turn."""

    def __init__(self, hub: Hub, curves: Callable[[TrialConfig], Iterator[TrialReport]], *, workers: int) -> None:
        self._hub, self._curves, self._workers = hub, curves, workers
        self._running: deque[tuple[TrialConfig, Iterator[TrialReport]]] = deque()
        self.watch = Stopwatch()
        self.wall_s = 0.0

    def run(self, *, until: int) -> None:
        """Run until so many trials have ended."""
        while self._hub.ended < until:
            while len(self._running) < self._workers:
                config = self._time(ASK, self._hub.ask)
                if config is None:
                    break
                self._running.append((config, self._curves(config)))
            config, curve = self._running.popleft()
            report = next(curve)
            verdict = self._time(REPORT, lambda: self._hub.report(config.number, report)).verdict  # noqa: B023 called now
            self.watch.took_s[GO_ON if verdict == "CONTINUE" else END].append(self.watch.took_s[REPORT][-1])
            if verdict == "CONTINUE":
                self._running.append((config, curve))

    def _time(self, label: str, call: Callable[[], Any]) -> Any:
        began = time.monotonic()
        answer = self.watch.time(label, call)
        self.wall_s += time.monotonic() - began
        return answer


def stock_asks(folder: Path) -> list[float]:
    """Time Optuna's own TPE, which looks at all trials, in Optuna's own storage, with the same study and space."""
    spec = spec_of(folder)
    study = optuna.load_study(study_name=STUDY_NAME, storage=f"sqlite:///{folder / STUDY_FILE}")
    study.sampler = optuna.samplers.TPESampler(
        n_startup_trials=10, multivariate=True, group=True, constant_liar=True, seed=0
    )
    draw, took = np.random.default_rng(0), list[float]()
    for _ in range(STOCK_ASKS):
        started = time.process_time()
        trial = study.ask()
        spec.space.draw(trial)
        took.append(time.process_time() - started)
        study.tell(trial, draw.random(len(spec.objectives)).tolist())
    return took
