"""Forwards what the hub does to loggers, each in a thread of its own, so that none can hold up or end a sweep."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from search.loggers.events import LoggedTrial, params_of, result_of
from search.recorder import Ending
from search.secrets import masked
from search.spec import LoggerName, SweepSpec
from spaces import TrialConfig
from trainable.report import TrialReport

if TYPE_CHECKING:
    from ray.tune.logger import LoggerCallback

    from search.interfaces import Listener

_ID_FILE = "loggers.id"
PATIENCE_S = 60.0
_HASTE_S = 3.0
_LONGEST_WORDS = 300

MakeLogger = Callable[[LoggerName, Path], "LoggerCallback"]


def make_logger(name: LoggerName, folder: Path) -> LoggerCallback:
    """Make a logger; its module is imported here and nowhere else, since its package may be absent.

    Args:
        name: Of the logger.
        folder: Of the sweep.

    """
    match name:
        case "tensorboard":
            from search.loggers.tensorboard import TensorBoardLogger

            return TensorBoardLogger()
        case "mlflow":
            from search.loggers.mlflow import MLflowLogger

            return MLflowLogger(folder)
        case "wandb":
            from search.loggers.wandb import WandbLogger

            return WandbLogger(folder, patience_s=PATIENCE_S)


class Loggers:
    """Hears of every event of a trial, tells another listener, and leaves the logging to threads.

    What a logger raises is told once; later events are tried again, since a server may come back.

    Args:
        spec: The sweep.
        folder: Of the sweep.
        listener: Hears first.
        say: Tells a person.
        make: Makes a logger by its name.
        patience_s: The longest wait at the end for what is still to be logged.

    """

    def __init__(
        self,
        spec: SweepSpec,
        folder: Path,
        *,
        listener: Listener,
        say: Callable[[str], None],
        make: MakeLogger = make_logger,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._listener, self._spec, self._folder = listener, spec, folder.resolve()
        self._id = _sweep_id(self._folder) if spec.search.loggers else ""
        self._threads = [_LoggerThread(name, self._folder, make, say) for name in spec.search.loggers]
        self._open: dict[int, TrialConfig] = {}
        self._patience_s = patience_s

    def __enter__(self) -> Self:
        """Start the threads."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Suspend the trials that have not ended, and wait for what is still to be logged; not long after an error."""
        for number in list(self._open):
            self._end(number, None)
        end = time.monotonic() + (self._patience_s if kind is None else min(self._patience_s, _HASTE_S))
        for thread in self._threads:
            thread.put(None)
        for thread in self._threads:
            thread.finish(max(0.0, end - time.monotonic()))

    def started(self, config: TrialConfig) -> None:
        """Open a run, or go on with one."""
        self._listener.started(config)
        before = self._open.get(config.number)
        if before is not None and before.attempt != config.attempt:
            self._end(config.number, Ending("FAIL", "out of memory; starts again with batches halved"))
        self._run_of(config)

    def reported(self, config: TrialConfig, report: TrialReport) -> None:
        """Log a report."""
        self._listener.reported(config, report)
        name, result = self._run_of(config), result_of(report)
        for thread in self._threads:
            thread.put(_Event(name, result=result))

    def ended(self, config: TrialConfig, ending: Ending) -> None:
        """Close a run."""
        self._listener.ended(config, ending)
        self._run_of(config)
        self._end(config.number, ending)

    def _run_of(self, config: TrialConfig) -> str:
        """Give the name of a trial's run; one that is not open is opened."""
        attempt = f"-attempt-{config.attempt}" if config.attempt else ""
        name = f"trial-{config.number:05d}{attempt}"
        if config.number not in self._open:
            self._open[config.number] = config
            params = {"number": config.number, "seed": config.training.seed, **params_of(config, self._spec.space)}
            run = _Run(f"{self._folder.name}-{self._id}-{config.number:05d}{attempt}", params)
            for thread in self._threads:
                thread.put(_Event(name, run=run))
        return name

    def _end(self, number: int, ending: Ending | None) -> None:
        name = self._run_of(self._open[number])
        del self._open[number]
        for thread in self._threads:
            thread.put(_Event(name, is_end=True, ending=ending))


def _sweep_id(folder: Path) -> str:
    """Give what tells this sweep from others that had a folder of the same name."""
    path = folder / _ID_FILE
    if not path.exists():
        path.write_text(uuid4().hex[:8])
    return path.read_text()


@dataclass(frozen=True)
class _Run:
    id: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class _Event:
    """What happens to the run of a name: it is opened, reports or ends."""

    name: str
    run: _Run | None = None
    result: Mapping[str, Any] | None = None
    is_end: bool = False
    ending: Ending | None = None


class _LoggerThread:
    """One logger in its thread; nothing that it raises leaves it."""

    def __init__(self, name: LoggerName, folder: Path, make: MakeLogger, say: Callable[[str], None]) -> None:
        self._name: LoggerName = name
        self._folder, self._make, self._say = folder, make, say
        self._events: queue.SimpleQueue[_Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"logger {name}", daemon=True)
        self._trials: dict[str, LoggedTrial] = {}
        self._has_complained = False

    def start(self) -> None:
        self._thread.start()

    def put(self, event: _Event | None) -> None:
        self._events.put(event)

    def finish(self, timeout_s: float) -> None:
        """Wait for what is still to be logged."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._say(f"search.loggers: {self._name} has not logged everything and is not waited for any longer")

    def _run(self) -> None:
        logger: LoggerCallback | None = None
        while True:
            event = self._events.get()
            try:
                if logger is None:
                    made = self._make(self._name, self._folder)
                    made.setup()
                    logger = made
                if event is None:
                    logger.on_experiment_end([])
                else:
                    self._log(logger, event)
            except Exception as error:  # whatever a logger raises is no business of the sweep
                self._complain(error)
            if event is None:
                return

    def _log(self, logger: LoggerCallback, event: _Event) -> None:
        if event.run is not None:
            self._trials[event.name] = LoggedTrial(
                name=event.name,
                trial_id=event.run.id,
                config=event.run.params,
                experiment_dir_name=self._folder.name,
                local_path=str(self._folder / self._name / event.name),
            )
        trial: Any = self._trials[event.name]
        if event.run is not None:
            logger.log_trial_start(trial)
        elif event.result is not None:
            logger.log_trial_result(event.result["training_iteration"], trial, dict(event.result))
        if event.is_end:
            trial.ending = event.ending
            logger.log_trial_end(trial, failed=trial.state == "FAIL")

    def _complain(self, error: Exception) -> None:
        if not self._has_complained:
            self._has_complained = True
            lines = masked(str(error)).strip().splitlines()
            words = lines[0][:_LONGEST_WORDS] if lines else type(error).__name__
            self._say(
                f"search.loggers: {self._name} failed, and what it misses is not logged: {words}; "
                "the sweep goes on, and its record is complete"
            )
