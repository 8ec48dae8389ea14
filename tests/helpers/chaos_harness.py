"""Runs sweeps under SIGKILL until so many kills were delivered, and compares each with an undisturbed one."""

from __future__ import annotations

import logging
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos_driver import Order
from chaos_journal import Work, read_journal, work_of
from chaos_life import Life
from chaos_outcome import Outcome, check_same, outcome_of
from chaos_plan import REPORT_STEPS, SWEEP, Kind, plan_of
from chaos_processes import MARK, Driver, Fresh, Nursery, kill

_log = logging.getLogger(__name__)

_FRESH_SHARE, _STARTING_SHARE, _START_SHARE, _RECOVERY_SHARE = 0.05, 0.25, 0.4, 0.3
"""Of drivers from a new interpreter; of kills of a worker that may still be starting; of kills of a driver at an
instant, in its start; of those at a write, in its recovery."""

_LEAN_RAY = {"RAY_prestart_worker_first_driver": "0", "RAY_worker_niceness": "0"}
"""Ray starts no idle workers that no trial will use, and lets those that do the work be no nicer than the driver."""


@dataclass
class Tally:
    """What a run did.

    Attributes:
        kills: Delivered, by kind.
        writes: Names of the writes before or after which a driver killed itself.
        sweeps: Sweeps that were finished and compared.
        work: Of all of them.
        left: Processes that outlived their driver by five seconds and were killed then.

    """

    kills: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    sweeps: int = 0
    work: Work = field(default_factory=Work)
    left: int = 0


class Chaos:
    """One run.

    Args:
        base: Folder of the run; the sweeps are made in it.
        kills: Number of kills.
        seed: Of their kinds and order, the fatal writes and the pauses.

    """

    def __init__(self, base: Path, *, kills: int, seed: int) -> None:
        self._base, self._seed = base, seed
        self._plan = plan_of(kills, seed=seed)
        self._chance = random.Random(f"{seed} moments")
        self._start_s = 0.0
        self._lives = 0
        self._nursery = Nursery()
        self._driver: Driver | None = None
        self._temporary = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))  # short, for the names of sockets
        self.tally = Tally()

    def run(self) -> Tally:
        """Deliver all kills, finish the sweep, and compare every sweep with the first, which is left alone.

        Raises:
            AssertionError: If one differs, work is repeated without need, or a driver fails or hangs.

        """
        (self._base / "sweep.yaml").write_text(SWEEP)
        try:
            wanted = self._undisturbed(self._base / "sweep-000")
            while self._plan:
                self._sweep(self._base / f"sweep-{self.tally.sweeps + 1:03d}", wanted)
        finally:
            if self._driver:
                self._driver.kill()
                self._clear(self._driver)
            self._nursery.close()
            shutil.rmtree(self._temporary, ignore_errors=True)
        return self.tally

    def _undisturbed(self, folder: Path) -> Outcome:
        life = self._start(folder, is_fresh=True)
        life.wait_for_end()
        assert life.driver.ending() == 0, life.words()
        self._clear(life.driver)
        journal = read_journal(_journal(folder))
        first = {event["event"]: event["time"] for event in reversed(journal)}
        self._start_s = first["trains"] - first["write"]
        outcome, work = outcome_of(folder), work_of(journal, report_steps=REPORT_STEPS)
        states = set(outcome.trials["state"])
        assert states == {"COMPLETE", "PRUNED"}, f"the sweep must stop trials and finish some, and fail none; {states}"
        assert not work.faults and not work.interruptions, work
        writes = sum(event["event"] == "write" for event in journal)
        _log.info("undisturbed: %d writes, %.1f s from the first to the first step", writes, self._start_s)
        return outcome

    def _sweep(self, folder: Path, wanted: Outcome) -> None:
        while not self._live(folder):
            pass
        check_same(outcome_of(folder), wanted)
        work = work_of(read_journal(_journal(folder)), report_steps=REPORT_STEPS)
        assert not work.faults, work.faults
        self.tally.work.add(work)
        self.tally.sweeps += 1
        _log.info("sweep %d is as it should be: %s", self.tally.sweeps, self.tally)

    def _live(self, folder: Path) -> bool:
        """Let one driver live until it is killed or has finished; tells whether it has finished."""
        workers, last = self._next_life()
        is_of_record = self._chance.random() < 0.5
        fatal = self._fatal(workers, is_of_record=is_of_record) if last == "write" else 0
        before, is_fresh = self._chance.random() < 0.5, self._chance.random() < _FRESH_SHARE
        life = self._start(folder, fatal=fatal, is_of_record=is_of_record, before=before, is_fresh=is_fresh)
        delivered = 0
        while delivered < workers and self._kill_worker(life, folder):
            delivered += 1
        self._plan += ["worker"] * (workers - delivered)
        if last in ("instant", "both") and delivered == workers:
            self._kill_driver(life, last)
        else:
            life.wait_for_end()
        code = life.driver.ending()
        self._clear(life.driver)
        assert code in (0, -9), life.words()
        if code == -9:
            assert last is not None, f"somebody else killed the driver\n{life.words()}"
            self._note_death(last, life, folder)
        elif last is not None:
            self._plan.append(last)
        return code == 0

    def _next_life(self) -> tuple[int, Kind | None]:
        """Give how many workers the next driver loses, and what it dies of."""
        workers = 0
        while self._plan:
            kind = self._plan.pop()
            if kind != "worker":
                return workers, kind
            workers += 1
        return workers, None

    def _fatal(self, workers: int, *, is_of_record: bool) -> int:
        """Draw the write that a driver dies at: one of its recovery, or one of its next three trials."""
        if is_of_record:
            return self._chance.randint(1, 12 + 4 * workers)
        if not workers and self._chance.random() < _RECOVERY_SHARE:
            return self._chance.randint(1, 10)
        return self._chance.randint(1, 75 + 25 * workers)

    def _kill_worker(self, life: Life, folder: Path) -> bool:
        """Kill the worker at a random instant; tells whether there was one before the driver ended."""
        life.let_pass(self._chance, start_s=self._start_s, is_start=False)
        victims = life.workers(is_starting=self._chance.random() < _STARTING_SHARE)
        deaths = [kill(victim) for victim in victims]
        if not deaths or not all(deaths) or life.driver.has_ended():
            return False
        self._note("worker", life, folder, f"worker {victims}")
        return True

    def _kill_driver(self, life: Life, kind: Kind) -> None:
        """Kill the driver at a random instant, with its worker or without; nobody dies if it ends before."""
        is_start = kind == "instant" and self._chance.random() < _START_SHARE
        life.let_pass(self._chance, start_s=self._start_s, is_start=is_start)
        victims: dict[int, str] = {}
        if kind == "both":
            victims = life.workers(is_starting=self._chance.random() < _STARTING_SHARE)
            if not victims:
                return
        deaths: list[Callable[[], Any]] = [life.driver.kill, *(lambda pid=pid: kill(pid) for pid in victims)]
        self._chance.shuffle(deaths)
        for death in deaths:
            death()

    def _start(
        self, folder: Path, *, fatal: int = 0, is_of_record: bool = False, before: bool = True, is_fresh: bool
    ) -> Life:
        self._lives += 1
        self._temporary.mkdir(exist_ok=True)
        mark, log = f"{os.getpid()}-{self._seed}-{self._lives}", folder.with_suffix(".log")
        is_started = (folder / "sweep.json").exists()
        order = Order(
            words=("resume", str(folder)) if is_started else ("sweep", "sweep.yaml", "--out", str(folder)),
            cwd=str(self._base),
            folder=str(folder),
            journal=str(_journal(folder)),
            log=str(log),
            environment={MARK: mark, "TMPDIR": str(self._temporary), "RAY_TMPDIR": str(self._temporary), **_LEAN_RAY},
            fatal=fatal,
            is_of_record=is_of_record,
            before=before,
        )
        self._driver = Driver(Fresh(order) if is_fresh else self._nursery.start(order), mark)
        return Life(self._driver, journal=_journal(folder), log=log)

    def _clear(self, driver: Driver) -> None:
        waited_s, left = driver.clear()
        self._driver = None
        self.tally.left += len(left)
        _log.info("life %d: its processes were gone after %.1f s; killed %s", self._lives, waited_s, left)
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _note_death(self, kind: Kind, life: Life, folder: Path) -> None:
        events = [event for event in read_journal(_journal(folder)) if event["pid"] == life.driver.pid]
        fatal = next((event for event in events if event["event"] == "fatal"), None)
        assert (kind == "write") == (fatal is not None), f"a driver that should die by {kind} ended with {events[-1:]}"
        if fatal:
            self.tally.writes[fatal["name"]] += 1
            when = "before" if fatal["before"] else "after"
            self._note(kind, life, folder, f"driver {when} its write {fatal['number']}, {fatal['name']}")
        else:
            self._note(kind, life, folder, "driver and worker" if kind == "both" else "driver")

    def _note(self, kind: Kind, life: Life, folder: Path, who: str) -> None:
        self.tally.kills[kind] += 1
        events = [event for event in read_journal(_journal(folder)) if event["event"] != "starts"]
        last = {key: value for key, value in events[-1].items() if key not in ("time", "pid")} if events else "nothing"
        _log.info(
            "kill %d (%s): %s, %.2f s after the driver's start, life %d, %s, after %s",
            self.tally.kills.total(),
            kind,
            who,
            time.monotonic() - life.driver.began,
            self._lives,
            folder.name,
            last,
        )


def _journal(folder: Path) -> Path:
    return folder.with_suffix(".journal")
