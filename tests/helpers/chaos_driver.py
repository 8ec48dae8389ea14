"""A ``paretune`` process that notes what it does and can kill itself at a durable write.

``python chaos_driver.py run ORDER`` obeys one order. ``python chaos_driver.py serve`` imports everything once and then
forks a process for every order that it reads: a driver that is born with its imports done starts in half the time.
"""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STORAGE_WRITES = ("add_trial", "add_param", "set_attrs", "set_point", "set_state")
RECORD_WRITES = ("append_decision", "append_predictions", "append_report", "append_trial")


@dataclass(frozen=True)
class Order:
    """What a driver is to do.

    Attributes:
        words: Of the command line.
        cwd: Its working folder.
        folder: Of the sweep.
        journal: File to which events are appended, one JSON object a line.
        log: File that takes its output.
        environment: Additions to its environment, which Ray's processes inherit.
        fatal: Number of the durable write, from 1, at which it kills itself; 0 for none.
        is_of_record: Whether only writes of the record, the Parquet tables, count for that number.
        before: Whether it dies before that write or right after it.

    """

    words: tuple[str, ...]
    cwd: str
    folder: str
    journal: str
    log: str
    environment: dict[str, str]
    fatal: int = 0
    is_of_record: bool = False
    before: bool = True

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        raw = json.loads(text)
        return cls(**{**raw, "words": tuple(raw["words"])})


class Journal:
    """Events in one order over all processes: each is one write to a file that is opened for appending."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, event: str, **what: Any) -> None:
        line = json.dumps({"event": event, "time": time.time(), "pid": os.getpid(), **what})
        os.write(self._file, line.encode() + b"\n")


class Writes:
    """Counts durable writes, notes each, and kills the process before or after a chosen one."""

    def __init__(self, journal: Journal, order: Order) -> None:
        self._journal, self._fatal, self._before = journal, order.fatal, order.before
        self._is_of_record, self._is_writing = order.is_of_record, False
        self._count, self._counted = 0, 0

    def watched(self, write: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(write)
        def writing(*args: Any, **settings: Any) -> Any:
            if self._is_writing:  # a part of the write around it
                return write(*args, **settings)
            self._count += 1
            number, name = self._count, write.__name__
            counts = name in RECORD_WRITES or not self._is_of_record
            self._counted += counts
            is_fatal = counts and self._counted == self._fatal
            if is_fatal and self._before:
                self._die(number, name)
            self._is_writing = True
            try:
                result = write(*args, **settings)
            finally:
                self._is_writing = False
            self._journal.note("write", number=number, name=name, about=_about(args))
            if is_fatal:
                self._die(number, name)
            return result

        return writing

    def _die(self, number: int, name: str) -> None:
        self._journal.note("fatal", number=number, name=name, before=self._before)
        os.kill(os.getpid(), signal.SIGKILL)


def _about(args: tuple[Any, ...]) -> dict[str, Any]:
    """Say which row of the record a write is about."""
    row = args[1] if len(args) == 2 else None
    return {key: getattr(row, key) for key in ("trial", "attempt", "step") if hasattr(row, key)}


def watch_driver(order: Order, journal: Journal) -> None:
    """Note writes, trials that are handed out, and the steps that workers train."""
    import search.sweep
    from results import RecordWriter, write_sweep_json
    from search.searcher import HubSearcher
    from search.study_database import StudyDatabase
    from trainable import ray_entry
    from trainable.checkpoints import CheckpointPlace

    assert search.sweep, "what it names is replaced"
    writes = Writes(journal, order)
    for owner, names in ((RecordWriter, RECORD_WRITES), (StudyDatabase, STORAGE_WRITES)):
        for name in names:
            setattr(owner, name, writes.watched(getattr(owner, name)))
    _replace(write_sweep_json, writes.watched(write_sweep_json))
    _replace(ray_entry.RayTrial, watched_trial(order.journal))
    suggest = HubSearcher.suggest

    def noting(searcher: Any, trial_id: str) -> Any:
        told = suggest(searcher, trial_id)
        if isinstance(told, dict):
            config = json.loads(told[ray_entry.TRIAL_KEY])
            place = CheckpointPlace.model_validate_json(told[ray_entry.CHECKPOINT_KEY])
            number, attempt = config["number"], config["attempt"]
            journal.note(
                "handed",
                trial=number,
                attempt=attempt,
                from_step=config["from_step"],
                recorded=_last_step(Path(order.folder), number, attempt),
                has_checkpoint=number in place.open().numbers(),
            )
        return told

    HubSearcher.suggest = noting


def _replace(old: Any, new: Any) -> None:
    """Put something in the place of something else wherever the driver's modules name it."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "search"]
    places = [(module, name) for module in modules for name, value in vars(module).items() if value is old]
    if not places:
        raise LookupError(f"no module of search names {old}")
    for module, name in places:
        setattr(module, name, new)


def _last_step(folder: Path, number: int, attempt: int) -> int:
    """Give the last step that the record on the disk holds of a trial's attempt, 0 if none."""
    from results import read_sweep

    reports = read_sweep(folder).reports
    steps = reports.loc[(reports["trial"] == number) & (reports["attempt"] == attempt), "step"]
    return int(steps.max()) if len(steps) else 0


def watched_trial(path: str) -> type:
    """Give what Ray runs, with a note of every training step that begins; it travels to the worker by value."""
    from trainable import ray_entry

    class RayTrial(ray_entry.RayTrial):
        def setup(self, config: dict[str, Any]) -> None:
            from trainable.trial import Trial

            train = Trial._train_step
            if not hasattr(train, "is_watched"):
                journal = Journal(path)

                def training(trial: Any) -> Any:
                    journal.note("trains", trial=trial._config.number, step=trial.step + 1)
                    return train(trial)

                training.is_watched = True  # pyright: ignore[reportFunctionMemberAccess]
                Trial._train_step = training
            super().setup(config)

    return RayTrial


def obey(order: Order) -> int:
    """Run the command of an order in this process; gives its exit code."""
    os.environ.update(order.environment)
    os.chdir(order.cwd)
    random.seed()
    log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    journal = Journal(order.journal)
    journal.note("starts", words=order.words, fatal=order.fatal, before=order.before)
    import search.cli

    watch_driver(order, journal)
    code = search.cli.main(order.words)
    sys.stdout.flush()
    journal.note("ends", code=code)
    return code


def serve() -> None:
    """Fork a process for every order on standard input; say its number, and later how it ended."""
    import optuna.storages  # noqa: F401

    import results  # noqa: F401
    import search.check
    import search.cli
    import search.front_table
    import search.lineage
    import search.progress
    import search.spec_file
    import search.sweep  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.setsid()
            code = 70
            try:
                code = obey(Order.from_json(line))
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        sys.exit(obey(Order.from_json(sys.argv[2])))
