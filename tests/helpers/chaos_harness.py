"""Runs sweeps under SIGKILL until so many kills were delivered, and compares each with an undisturbed one."""

from __future__ import annotations

import logging
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chaos_driver import Order
from chaos_outcome import Outcome, Work, check_same, outcome_of, read_journal, work_of
from chaos_processes import MARK, Driver, Fresh, Nursery, kill

_log = logging.getLogger(__name__)

Kind = Literal["write", "instant", "worker", "both"]
"""The driver at a durable write, the driver at a random instant, a worker, or driver and worker at one instant."""

REPORT_STEPS = (2, 4, 6)
SWEEP = """\
model: tiny
data:
  sources:
    - {source: shapes, domain: shifted, scenes: 8}
  search_share: 0.4
objectives: [text.perplexity, text.token_f1]
trial: {steps: 6, rungs: [2, 4], batch: 2, rung_rows: 3, final_rows: 4, eval_batch: 8, max_new_tokens: 40}
space:
  adapter: {rank: {choice: [2, 4]}, dropout: 0.1}
  optimizer: {learning_rate: {range: [1e-4, 1e-1], log: true}}
  mixture:
    box_ce: {weight: {range: [0.2, 5], log: true}}
    ntl_was: {on: {choice: [true, false]}}
    weighting: {name: {choice: [static, famo, rlw]}}
  curriculum:
    pacing: {choice: [none, linear, self_paced]}
search:
  trials: 8
  concurrency: 1
  retries: 1000
  sampler: {name: tpe, startup_trials: 3}
  pruner: {name: median_all, warmup_trials: 2, audit_share: 0}
"""

_PATIENCE_S = 300
"""A driver that notes nothing for so long hangs."""


def plan_of(kills: int, *, seed: int) -> list[Kind]:
    """Give kinds of kills in a random order: of 450, 100 and 100 of the driver, 200 of workers, 50 of both.

    Args:
        kills: In all; of a dozen 3 + 2 are of the driver, 5 of workers and 2 of both.
        seed: Of the order.

    """
    both = max(1, round(kills / 9))
    worker = (kills - both) // 2
    driver = kills - both - worker
    plan: list[Kind] = ["both"] * both + ["worker"] * worker
    plan += ["write"] * (driver - driver // 2) + ["instant"] * (driver // 2)
    random.Random(seed).shuffle(plan)
    return plan


@dataclass
class Tally:
    """What a run did.

    Attributes:
        kills: Delivered, by kind.
        writes: Names of the writes before or after which a driver killed itself.
        sweeps: Sweeps that were finished and compared.
        work: Of all of them.
        left: Processes that outlived their killed driver by ten seconds.

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
        seed: Of the kinds, the writes and the pauses.

    """

    def __init__(self, base: Path, *, kills: int, seed: int) -> None:
        self._base, self._seed = base, seed
        self._plan = plan_of(kills, seed=seed)
        self._chance = random.Random(f"{seed} moments")
        self._nursery = Nursery()
        self._lives = 0
        self._start_s = 5.0
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
            self._nursery.close()
        return self.tally

    def _undisturbed(self, folder: Path) -> Outcome:
        driver = self._start(folder, fatal=0, before=True, fresh=True)
        began = time.time()
        self._wait_for_end(driver, folder)
        assert driver.ending() == 0, self._words(folder)
        self._clear(driver)
        journal = read_journal(_journal(folder))
        self._start_s = next(event["time"] for event in journal if event["event"] == "trains") - began
        outcome = outcome_of(folder)
        states = set(outcome.trials["state"])
        assert {"COMPLETE", "PRUNED"} == states, f"the sweep must stop trials and finish some, and fail none; {states}"
        assert work_of(journal, report_steps=REPORT_STEPS).repeated == 0
        _log.info("undisturbed: %d writes, first step after %.1f s", _count(journal, "write"), self._start_s)
        return outcome

    def _sweep(self, folder: Path, wanted: Outcome) -> None:
        while not self._live(folder):
            pass
        check_same(outcome_of(folder), wanted)
        work, total = work_of(read_journal(_journal(folder)), report_steps=REPORT_STEPS), self.tally.work
        assert not work.faults, work.faults
        for name in ("trained", "repeated", "interruptions", "adopted"):
            setattr(total, name, getattr(total, name) + getattr(work, name))
        total.most_repeated = max(total.most_repeated, work.most_repeated)
        self.tally.sweeps += 1
        _log.info("sweep %d is as it should be: %s, %s", self.tally.sweeps, dict(self.tally.kills), total)

    def _live(self, folder: Path) -> bool:
        """Let one driver live until it is killed or has finished; tells whether it has finished."""
        workers, last = self._next_life()
        span = 40 + 20 * workers
        fatal = self._chance.randint(1, span) if last == "write" else 0
        before = self._chance.random() < 0.5
        driver = self._start(folder, fatal=fatal, before=before, fresh=not (folder / "sweep.json").exists())
        delivered = 0
        while delivered < workers and self._kill_worker(driver, folder):
            delivered += 1
        self._plan += ["worker"] * (workers - delivered)
        if last in ("instant", "both") and delivered == workers:
            self._kill_driver(driver, folder, last)
        else:
            self._wait_for_end(driver, folder)
        code = driver.ending()
        self._clear(driver)
        assert code in (0, -9), self._words(folder)
        if code == -9:
            assert last is not None
            self._note_death(last, driver, folder)
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

    def _kill_worker(self, driver: Driver, folder: Path) -> bool:
        """Kill the worker at a random instant; tells whether there was one before the driver ended."""
        victims = self._moment(driver, folder, is_worker=True)
        if not victims or not any([kill(victim) for victim in victims]):
            return False
        self._note("worker", driver, folder, f"worker {victims}")
        return True

    def _kill_driver(self, driver: Driver, folder: Path, kind: Kind) -> None:
        victims = self._moment(driver, folder, is_worker=kind == "both")
        if kind == "both" and not victims:
            return
        deaths: list[Callable[[], Any]] = [driver.kill, *(lambda pid=pid: kill(pid) for pid in victims)]
        self._chance.shuffle(deaths)
        for death in deaths:
            death()

    def _moment(self, driver: Driver, folder: Path, *, is_worker: bool) -> list[int]:
        """Wait for a random instant: of the start, or shortly after some more events; gives the workers found then."""
        events, pause_s = self._chance.randint(1, 60), self._chance.uniform(0, 0.4)
        if not is_worker and self._chance.random() < 0.4:
            events, pause_s = 0, self._chance.uniform(0, self._start_s)
        target = _lines(_journal(folder)) + events
        self._wait(driver, folder, lambda: _lines(_journal(folder)) >= target)
        driver.has_ended(pause_s)
        if not is_worker:
            return []
        found: list[int] = []

        def find() -> bool:
            found[:] = driver.workers()
            return bool(found)

        self._wait(driver, folder, find)
        return found

    def _wait_for_end(self, driver: Driver, folder: Path) -> None:
        self._wait(driver, folder, lambda: False)

    def _wait(self, driver: Driver, folder: Path, is_true: Callable[[], bool]) -> None:
        """Wait until something is true or the driver has ended.

        Raises:
            AssertionError: If no event comes for minutes.

        """
        lines, since = -1, time.monotonic()
        while not is_true() and not driver.has_ended(0.02):
            if (now := _lines(_journal(folder))) != lines:
                lines, since = now, time.monotonic()
            if time.monotonic() - since > _PATIENCE_S:
                driver.kill()
                driver.ending()
                driver.clear(patience_s=0)
                raise AssertionError(f"nothing happened for {_PATIENCE_S} s\n{self._words(folder)}")

    def _start(self, folder: Path, *, fatal: int, before: bool, fresh: bool) -> Driver:
        self._lives += 1
        mark = f"{os.getpid()}-{self._seed}-{self._lives}"
        self._temporary = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))  # short, for the names of sockets
        is_started = (folder / "sweep.json").exists()
        order = Order(
            words=("resume", str(folder)) if is_started else ("sweep", "sweep.yaml", "--out", str(folder)),
            cwd=str(self._base),
            folder=str(folder),
            journal=str(_journal(folder)),
            log=str(folder.with_suffix(".log")),
            environment={MARK: mark, "TMPDIR": str(self._temporary), "RAY_TMPDIR": str(self._temporary), **_LEAN_RAY},
            fatal=fatal,
            before=before,
        )
        return Driver(Fresh(order) if fresh else self._nursery.start(order), mark)

    def _clear(self, driver: Driver) -> None:
        waited_s, left = driver.clear()
        self.tally.left += left
        _log.info("life %d: gone after %.1f s, %d killed", self._lives, waited_s, left)
        shutil.rmtree(self._temporary, ignore_errors=True)

    def _note_death(self, kind: Kind, driver: Driver, folder: Path) -> None:
        last = read_journal(_journal(folder))[-1]
        if last["event"] == "fatal":
            self.tally.writes[last["name"]] += 1
            self._note("write", driver, folder, f"driver {'before' if last['before'] else 'after'} its write")
        else:
            assert kind != "write", f"the driver should have died at a write, not after {last}"
            self._note(kind, driver, folder, "driver and worker" if kind == "both" else "driver")

    def _note(self, kind: Kind, driver: Driver, folder: Path, who: str) -> None:
        self.tally.kills[kind] += 1
        journal = read_journal(_journal(folder))
        last = {key: value for key, value in journal[-1].items() if key not in ("time", "pid")} if journal else "nothing"
        _log.info(
            "kill %d (%s): %s, %.2f s after the driver's start, life %d, %s, after %s",
            self.tally.kills.total(),
            kind,
            who,
            time.monotonic() - driver.began,
            self._lives,
            folder.name,
            last,
        )

    def _words(self, folder: Path) -> str:
        return folder.with_suffix(".log").read_text(errors="replace")[-5000:]


_LEAN_RAY = {"RAY_prestart_worker_first_driver": "0"}
"""Ray starts no idle workers that no trial will use."""


def _journal(folder: Path) -> Path:
    return folder.with_suffix(".journal")


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _count(journal: list[dict[str, Any]], event: str) -> int:
    return sum(each["event"] == event for each in journal)


def main() -> None:
    """Run the chaos harness by hand: ``python chaos_harness.py FOLDER KILLS SEED``."""
    from chaos_reader import reading

    base, kills, seed = Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3])
    base.mkdir(parents=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with reading(base) as readings:
        tally = Chaos(base, kills=kills, seed=seed).run()
    print(tally, readings)


if __name__ == "__main__":
    main()
