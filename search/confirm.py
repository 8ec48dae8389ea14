"""Confirms what a sweep found: its best settings, trained again with new seeds and scored on rows kept back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from results import ConfirmationRow, ItemRow, RecordWriter, SweepTables, read_sweep
from search.cluster import Cluster, connected_ray
from search.confirm_plan import ConfirmPlan, Run, make_plan, read_plan, write_plan
from search.confirm_runs import Finished, Job, Workers
from search.errors import ConfirmError, RayLost
from search.folder_lock import locked
from search.hub import HALVED_WORDS
from search.interruption import Interruption
from search.items import record_items
from search.kept_checkpoints import confirm_place
from search.packs import servers_needed
from search.points import planned_point
from search.probe import check_nodes
from search.ray_losses import RayLosses
from search.recorded_point import RecordedPoint, home_point, recorded_values
from search.recorder import prediction_rows, record_columns
from search.spec import SweepSpec
from search.storage_fault import StorageGuard
from search.sweep_spec import spec_of
from search.watchdog import Watchdog
from spaces import Point, TrialConfig, settings_of
from spaces.metrics import shown_scores
from trainable.checkpoints import CheckpointPlace
from trainable.data.split import Split
from trainable.host import HeldBack

_DONE = "last step reached"


@dataclass(frozen=True)
class Wishes:
    """What a user asks for; what is absent is as it was frozen, or the default.

    Attributes:
        seeds: Of each setting.
        trials: To confirm instead of those that the sweep's scores suggest.
        test: Whether to score on the test split when all is confirmed.
        concurrency: Runs at a time.
        address: Of the Ray to run on.

    """

    seeds: int | None = None
    trials: tuple[int, ...] | None = None
    test: bool | None = None
    concurrency: int | None = None
    address: str | None = None


@dataclass(frozen=True)
class Confirmed:
    """How a confirmation stands.

    Attributes:
        plan: What is confirmed.
        had: Number of rows of ``confirmations`` that were there before.
        is_complete: Whether nothing is left that was asked for.
        signal: Name of the signal that ended it, or an empty text.

    """

    plan: ConfirmPlan
    had: int
    is_complete: bool
    signal: str


def check_wishes(folder: Path, spec: SweepSpec, wishes: Wishes, *, split: Split) -> None:
    """See that a confirmation can do what is asked for, before anything is started.

    Raises:
        ConfirmError: If there are no rows to confirm on, the frozen list is another one, or the wishes make no sense.

    """
    if not split.confirm:
        raise ConfirmError(_no_rows("confirm", spec))
    if wishes.test and not split.test:
        raise ConfirmError(_no_rows("test", spec))
    if wishes.concurrency is not None and wishes.concurrency < 1:
        raise ConfirmError(f"--concurrency must be at least 1; got {wishes.concurrency}")
    plan = read_plan(folder)
    if plan is None:
        return
    frozen = f"the list is frozen since {plan.frozen:%Y-%m-%d %H:%M}"
    if plan.test_opened is not None:
        frozen += f", and the test split was opened for it on {plan.test_opened:%Y-%m-%d %H:%M}"
    if wishes.trials is not None and set(wishes.trials) != set(plan.trials):
        raise ConfirmError(
            f"--trials: {frozen}: it holds the trials {', '.join(map(str, plan.trials))}; leave --trials out. A list"
            " that is chosen after the scores are known would confirm nothing"
        )
    if wishes.seeds is not None and wishes.seeds != plan.seeds:
        raise ConfirmError(f"--seeds: {frozen}, with {plan.seeds} seeds for each setting; leave --seeds out")


def _no_rows(name: str, spec: SweepSpec) -> str:
    share = getattr(spec.data, f"{name}_share")
    cause = f"data.{name}_share is 0" if not share else "the rows do not suffice for it"
    return (
        f"data: the split {name} has no row ({cause}), so nothing can be scored on it; start a sweep with"
        f" data.{name}_share above 0, such as 0.1, or with a source that has `split: {name}`"
    )


def confirm(
    folder: Path,
    wishes: Wishes,
    *,
    split: Split,
    items: Callable[[], Sequence[ItemRow]],
    say: Callable[[str], None],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Confirmed:
    """Confirm a sweep, or go on where an earlier call stopped.

    Args:
        folder: Of the sweep.
        wishes: As ``check_wishes`` found them fine.
        split: The sweep's rows.
        items: Gives its examples, for the record.
        say: Tells a person what happens.
        now: Gives the time with its zone.

    Raises:
        ConfirmError: If no trial has completed, or one that is asked for has not.
        ResultsError: If the record can't be read.
        StorageFault: If the disk failed; the same call goes on.
        BusyError: If another process works in the folder.
        UnfitClusterError: If there is no cluster or its nodes can't run the trials.
        ClusterError: If Ray is lost and can't be started anew.
        Interrupted: On a second SIGINT or SIGTERM.

    """
    spec = _as_confirmed(spec_of(folder), wishes)
    guard = StorageGuard(folder, again="confirm")
    with locked(folder, guard, work="confirm"):
        tables, plan = read_sweep(folder), read_plan(folder)
        if plan is None:
            seeds = 3 if wishes.seeds is None else wishes.seeds
            plan = make_plan(folder, spec, tables, seeds=seeds, asked=wishes.trials, now=now())
            _say_plan(plan, tables, spec, say)
            with guard:
                write_plan(folder, plan)
        wants_test = bool(split.test) if wishes.test is None else wishes.test
        if wants_test != bool(split.test) and wishes.test is None:
            say("the split test has no row, so runs are scored on the split confirm alone")
        with guard:
            record_items(folder, spec, items)
        return _Confirmation(folder, spec, plan, tables, wants_test, guard, say, now).carry_out()


def _as_confirmed(spec: SweepSpec, wishes: Wishes) -> SweepSpec:
    """Give a sweep as its runs are trained: each has the base to itself, and as many run at a time as packs did."""
    pack = 1 if spec.trial.pack == "auto" else spec.trial.pack
    concurrency = wishes.concurrency or servers_needed(spec.search.concurrency, pack)
    search: dict[str, Any] = {"concurrency": concurrency}
    if wishes.address is not None:
        search["address"] = wishes.address
    return spec.model_copy(
        update={
            "trial": spec.trial.model_copy(update={"pack": 1}),
            "search": spec.search.model_copy(update=search),
        }
    )


def _say_plan(plan: ConfirmPlan, tables: SweepTables, spec: SweepSpec, say: Callable[[str], None]) -> None:
    if (ended := len(tables.trials)) < spec.search.trials:
        say(f"the sweep is not finished: {ended} of {spec.search.trials} trials have ended; the list is made from them")
    for note in plan.notes:
        say(note)
    for setting in plan.settings:
        probability = "" if setting.probability is None else f", P(non-dominated) {setting.probability:.2f}"
        say(f"to be confirmed: trial {setting.trial}, {' and '.join(setting.why)}{probability}")
    for left_out in plan.left_out:
        say(f"trial {left_out.trial} is left out: {left_out.why}")


@dataclass(frozen=True)
class _Confirmation:
    """Carries out a frozen list in one folder.

    Attributes:
        folder: Locked for this process.
        spec: The sweep, as its runs are trained.
        plan: The list.
        tables: The record as it was found.
        wants_test: Whether to score on the test split.
        guard: Knows when the disk failed.
        say: Tells a person what happens.
        now: Gives the time with its zone.

    """

    folder: Path
    spec: SweepSpec
    plan: ConfirmPlan
    tables: SweepTables
    wants_test: bool
    guard: StorageGuard
    say: Callable[[str], None]
    now: Callable[[], datetime]

    def carry_out(self) -> Confirmed:
        """Do what is left; start Ray anew if it is lost, as long as runs get on in between."""
        had = len(self.tables.confirmations)
        if not self._left(self.tables):
            return Confirmed(self.plan, had, is_complete=True, signal="")
        losses = RayLosses(self.spec.search.address, measured=lambda: len(read_sweep(self.folder).confirmations))
        with self.guard.surfacing(), Interruption(self.say) as interruption:
            while True:
                try:
                    with connected_ray(self.spec) as cluster:
                        interruption.install()  # again: starting Ray replaces the handler of SIGTERM
                        check_nodes(self.spec, self.folder, is_own=cluster.is_own)
                        return self._work(cluster, interruption, had=had)
                except RayLost as loss:
                    losses.take(loss, last_words=self._gone(str(loss)))
                    self.say(f"{loss}; Ray starts anew, and runs go on from their last rungs")

    def _work(self, cluster: Cluster, interruption: Interruption, *, had: int) -> Confirmed:
        watchdog = Watchdog(cluster.loss, last_words=interruption.last_words(self.say, self._gone))
        plan = self.plan
        with self.guard:
            metadata = read_sweep(self.folder).metadata
            writer = RecordWriter(self.folder, record_columns(self.spec), metadata)
            self._place.open().tidy(frozenset(run.run for run in self.plan.runs))
        try:
            with watchdog:
                workers = Workers(
                    self.spec.trial.resources,
                    count=self.spec.search.concurrency,
                    retries=self.spec.search.retries,
                    check=watchdog.check,
                    is_interrupted=lambda: bool(interruption.signal),
                    now=self.now,
                )
                for split in ("confirm", "test"):
                    jobs = self._jobs(split)
                    if split == "test" and jobs and plan.test_opened is None and not interruption.signal:
                        plan = plan.model_copy(update={"test_opened": self.now()})
                        with self.guard:  # before the first look: it is never opened for another list
                            write_plan(self.folder, plan)
                    for finished in workers.finished(jobs):
                        with self.guard:
                            self._record(writer, finished)
        except RayLost:
            if not interruption.signal:
                raise
        left = self._left(read_sweep(self.folder))
        if not left and plan.test_opened is not None:
            with self.guard:
                self._place.open().tidy(frozenset())
        return Confirmed(plan, had, is_complete=not left, signal=interruption.signal)

    @property
    def _place(self) -> CheckpointPlace:
        return confirm_place(self.spec, self.folder)

    def _gone(self, reason: str) -> str:
        return f"{reason}; finished runs are kept; go on by: paretune confirm {self.folder}"

    def _left(self, tables: SweepTables) -> bool:
        splits: list[HeldBack] = ["confirm", "test"] if self.wants_test else ["confirm"]
        return any(runs_left(self.plan, tables, split) for split in splits)

    def _jobs(self, split: HeldBack) -> list[Job]:
        """Give what is left to do on a split; on ``test`` nothing before all is confirmed."""
        with self.guard:
            tables, saved = read_sweep(self.folder), self._place.open().numbers()
        if split == "test" and (not self.wants_test or runs_left(self.plan, tables, "confirm")):
            return []
        rows = {int(row["trial"]): row for row in tables.trials.to_dict("records")}
        done = tables.confirmations
        halved = set(done.loc[done["reason"].str.endswith(HALVED_WORDS), "run"])
        jobs: list[Job] = []
        for run in runs_left(self.plan, tables, split):
            job = Job(run, run_config(self.spec, run, rows[run.trial]), self._place, split)
            job = (job.halved() or job) if run.run in halved else job
            jobs.append(job.again() if run.run in saved else job)
        return jobs

    def _record(self, writer: RecordWriter, finished: Finished) -> None:
        """Record answers, and then the scores; either is durable when the next run's are recorded."""
        job, report = finished.job, finished.report
        run, halved = job.run, HALVED_WORDS if job.config.attempt else ""
        if report is not None:
            writer.append_predictions(
                prediction_rows(
                    report.predictions,
                    trial=run.trial,
                    run=run.run,
                    attempt=job.config.attempt,
                    step=report.step,
                    split=job.split,
                )
            )
        writer.append_confirmation(
            ConfirmationRow(
                run=run.run,
                trial=run.trial,
                seed=run.seed,
                split=job.split,
                state="FAIL" if report is None else "COMPLETE",
                reason=finished.reason or f"{_DONE}{halved}",
                steps=0 if report is None else report.step,
                seconds=0.0 if report is None else report.seconds,
                started=finished.started,
                ended=self.now(),
                metrics={} if report is None else report.metrics,
            )
        )
        objectives = [objective.metric for objective in self.spec.objectives]
        found = f"failed: {finished.reason}" if report is None else shown_scores(objectives, report.metrics)
        self.say(f"run {run.run} of {len(self.plan.runs)} (trial {run.trial}, seed {run.seed}), {job.split}: {found}")


def runs_left(plan: ConfirmPlan, tables: SweepTables, split: HeldBack) -> list[Run]:
    """Give the runs that have no row on a split; on ``test`` only those that are confirmed can have one."""
    rows = tables.confirmations
    done = set(rows.loc[rows["split"] == split, "run"])
    if split == "test":
        done |= set(rows.loc[(rows["split"] == "confirm") & (rows["state"] != "COMPLETE"), "run"])
    return [run for run in plan.runs if run.run not in done]


def run_config(spec: SweepSpec, run: Run, row: Mapping[str, Any]) -> TrialConfig:
    """Give what a worker is told of a run.

    Args:
        spec: The sweep.
        run: The run, whose number is the config's.
        row: Of the searched trial, in the record.

    """
    training = spec.trial.halved() if str(row["reason"]).endswith(HALVED_WORDS) else spec.trial
    return TrialConfig(
        number=run.run,
        model=spec.model,
        data=spec.data,
        training=training.model_copy(update={"seed": run.seed}),
        **vars(settings_of(point_of_row(spec, row))),
    )


def point_of_row(spec: SweepSpec, row: Mapping[str, Any]) -> Point:
    """Give the point of a trial of the record: that of the baseline or of a preset, or drawn again from the space."""
    if row["role"] == "clone":
        return home_point(spec.space, row)
    planned = planned_point(spec, int(row["trial"]), {})
    return spec.space.draw(RecordedPoint(spec.space, recorded_values(row))) if planned is None else planned
