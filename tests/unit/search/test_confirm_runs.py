"""Workers of a confirmation on a made-up Ray: what becomes of a run when its worker, or the user, stops it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from made_search import made_spec
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

import search.confirm_runs
from search.confirm_plan import Run
from search.confirm_runs import Job, Workers
from search.errors import ClusterError
from spaces import TrialConfig
from spaces.trial import ResourcesConfig
from trainable.checkpoints import CheckpointPlace
from trainable.messages import ENDING_KEY, STEP_KEY, TRIAL_KEY, report_result
from trainable.report import TrialReport

NOW = datetime(2026, 5, 1, tzinfo=UTC)
REPORT = TrialReport(6, 1.0, 9.0, {"grounding.miou": 0.5}, {}, {}, {}, {})


@dataclass(eq=False)
class Reference:
    actor: FakeActor
    name: str
    words: tuple[Any, ...]


@dataclass
class Call:
    ray: FakeRay
    actor: FakeActor
    name: str

    def remote(self, *words):
        return Reference(self.actor, self.name, words)


class FakeActor:
    def __init__(self, ray):
        self._ray, self.is_dead = ray, False

    def __getattr__(self, name):
        return Call(self._ray, self, name)


@dataclass
class FakeRay:
    """Answers calls in the order in which they were made, each by a function of what was asked.

    Only so many workers have room; others answer nothing before one of these is killed.
    """

    answer: Callable[[str, dict[str, Any]], Any]
    room: int = 9
    made: list[FakeActor] = field(default_factory=list)
    calls: list[tuple[str, int, int, int]] = field(default_factory=list)

    def remote(self, _):
        return self

    def options(self, **_):
        outer = self

        class Maker:
            def remote(self):
                outer.made.append(FakeActor(outer))
                return outer.made[-1]

        return Maker()

    def wait(self, references, *, num_returns, timeout):
        placed = [actor for actor in self.made if not actor.is_dead][: self.room]
        return [reference for reference in references if reference.actor in placed][:num_returns], []

    def get(self, reference):
        if reference.name == "hello":
            result = self.answer("hello", {})
        else:
            config = json.loads(reference.words[0][TRIAL_KEY])
            self.calls.append((reference.name, config["number"], config["attempt"], config["from_step"]))
            result = self.answer(reference.name, config)
        if isinstance(result, Exception):
            reference.actor.is_dead = not isinstance(result, RayTaskError)
            raise result
        return result

    def kill(self, actor):
        actor.is_dead = True


STEPS: dict[int, int] = {}
"""How far healthy workers have come, by run."""


def plain(name, config):
    """Do what a healthy worker does, in two rungs and a last step."""
    if name == "train":
        STEPS[config["number"]] = STEPS.get(config["number"], 0) + 2
        return {STEP_KEY: STEPS[config["number"]]}
    return report_result(REPORT) if name == "score" else None


def in_turn(*answers):
    """Give these answers to the first calls of ``train``, and then what a healthy worker gives."""
    left = list(answers)

    def answer(name, config):
        return left.pop(0) if name == "train" and left else plain(name, config)

    return answer


def jobs(count, *, split="confirm", **training):
    spec = made_spec()
    told = spec.trial.model_copy(update=training)
    return [
        Job(
            Run(run=number, trial=0, seed=1),
            TrialConfig(number=number, model=spec.model, data=spec.data, training=told),
            CheckpointPlace(folder="/nowhere"),
            split,
        )
        for number in range(count)
    ]


@pytest.fixture
def workers(monkeypatch):
    def make(answer, *, room=9, count=2, retries=1, is_interrupted=lambda: False, clock=lambda: 0.0):
        STEPS.clear()
        fake = FakeRay(answer, room)
        monkeypatch.setattr(search.confirm_runs, "ray", fake)
        found = Workers(
            ResourcesConfig(),
            count=count,
            retries=retries,
            check=lambda: None,
            is_interrupted=is_interrupted,
            now=lambda: NOW,
            clock=clock,
        )
        return found, fake

    return make


def ends(workers, given):
    return {one.job.run.run: one.reason or one.report.step for one in workers.finished(given)}


def test_every_run_is_trained_to_its_last_step_and_then_scored(workers):
    found, fake = workers(plain)
    assert ends(found, jobs(3)) == {0: 6, 1: 6, 2: 6}
    assert [name for name, run, _, _ in fake.calls if run == 1] == ["train"] * 3 + ["score"]
    assert len(fake.made) == 2


def test_workers_stay_warm_for_the_test_split_which_is_only_scored(workers):
    found, fake = workers(plain)
    ends(found, jobs(3))
    fake.calls.clear()
    assert ends(found, jobs(3, split="test")) == {0: 6, 1: 6, 2: 6}
    assert {name for name, *_ in fake.calls} == {"score"} and len(fake.made) == 2


def test_with_room_for_one_worker_all_runs_are_done_by_those_that_get_it(workers):
    found, _ = workers(plain, room=1, count=3)
    assert ends(found, jobs(4)) == dict.fromkeys(range(4), 6)


def test_a_run_whose_worker_dies_goes_on_with_another_as_often_as_it_may(workers):
    found, fake = workers(in_turn({STEP_KEY: 2}, ActorDiedError()), count=1)
    assert ends(found, jobs(1)) == {0: 6}
    assert [from_step for name, _, _, from_step in fake.calls if name == "train"][:3] == [0, 0, 1]
    found, fake = workers(in_turn(ActorDiedError(), ActorDiedError()), count=1)
    reasons = ends(found, jobs(2))
    assert reasons[0].startswith("worker died: ") and reasons[1] == 6


def test_a_run_that_loses_its_node_uses_up_no_retry(workers):
    lost = [ActorUnavailableError("node", None) for _ in range(5)]
    found, _ = workers(in_turn(*lost), count=1, retries=0)
    assert ends(found, jobs(1)) == {0: 6}


def test_an_error_that_no_worker_expects_ends_the_run_and_is_not_tried_again(workers):
    found, fake = workers(in_turn(RayTaskError("train", "Traceback", ValueError("odd"))), count=1)
    reasons = ends(found, jobs(2))
    assert reasons[0].startswith("error: ") and reasons[1] == 6
    assert [run for name, run, *_ in fake.calls if name == "train"].count(0) == 1


def test_a_run_that_fails_is_recorded_so(workers):
    found, _ = workers(in_turn({ENDING_KEY: "diverged: text_ce is not finite at step 1"}), count=1)
    assert ends(found, jobs(2)) == {0: "diverged: text_ce is not finite at step 1", 1: 6}


def test_a_run_that_runs_out_of_memory_starts_again_once_with_halved_batches(workers):
    full = {ENDING_KEY: "out of memory: CUDA"}
    found, fake = workers(in_turn(full), count=1)
    (ended,) = list(found.finished(jobs(1, batch=8, accumulation=1)))
    training = ended.job.config.training
    assert (training.batch, training.accumulation, ended.job.config.attempt) == (4, 2, 1)
    assert ended.report is not None and fake.calls[1][2:] == (1, 0)
    found, _ = workers(in_turn(full, full), count=1)
    assert ends(found, jobs(1, batch=8)) == {0: "out of memory: CUDA"}


def test_a_worker_that_ended_itself_after_the_time_limit_ends_its_run(workers):
    times = iter(range(0, 1000, 60))
    found, _ = workers(in_turn(ActorDiedError()), count=1, clock=lambda: float(next(times)))
    assert ends(found, jobs(1, time_limit=60.0)) == {0: "timeout: no rung for 60 s; trial.time_limit is 60 s"}


def test_after_a_signal_no_run_begins_and_each_stops_at_its_next_rung(workers):
    signals = []

    def answer(name, config):
        result = plain(name, config)
        if name == "train" and STEPS[config["number"]] == 4:
            signals.append("SIGINT")
        return result

    found, fake = workers(answer, is_interrupted=lambda: bool(signals))
    assert ends(found, jobs(4)) == {}
    assert {run for _, run, *_ in fake.calls} == {0, 1} and "score" not in {name for name, *_ in fake.calls}


def test_after_a_signal_a_run_that_is_being_scored_is_still_recorded(workers):
    signals = []

    def answer(name, config):
        signals.extend(["SIGINT"] * (name == "score"))
        return plain(name, config)

    found, _ = workers(answer, count=1, is_interrupted=lambda: bool(signals))
    assert ends(found, jobs(3)) == {0: 6}


def test_workers_that_die_as_they_start_are_given_up(workers):
    found, _ = workers(lambda name, config: ActorDiedError() if name == "hello" else None)
    with pytest.raises(ClusterError, match="workers die as they start"):
        list(found.finished(jobs(2)))
