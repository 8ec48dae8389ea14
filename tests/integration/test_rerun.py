"""A confirmation run in this process: what it trains is what a trial of the search trains."""

import math

import pytest
from made_trials import config_of, run

from spaces import DataConfig
from trainable.checkpoints import CheckpointPlace
from trainable.host import host_for
from trainable.messages import ENDING_KEY, ending_of, report_of
from trainable.rerun import Rerun

DATA = DataConfig.model_validate(
    {
        "sources": [{"source": "shapes", "domain": "shifted", "scenes": 24}],
        "search_share": 0.25,
        "confirm_share": 0.25,
        "test_share": 0.25,
    }
)


def config(**parts):
    training = {"steps": 4, "rungs": (2,), "final_rows": None, **parts.pop("training", {})}
    return config_of(data=DATA, training=training, adapter={"dropout": 0.1}, **parts)


@pytest.fixture
def place(tmp_path):
    place = CheckpointPlace(folder=str(tmp_path / "confirm"))
    place.open().tidy(frozenset())
    return place


@pytest.fixture
def worker():
    """Give a function that makes a new worker; the one before is closed, since they share this process's base."""
    made = []

    def new():
        if made:
            made[-1].close()
        made.append(Rerun())
        return made[-1]

    yield new
    made[-1].close()


def told(config, place=None):
    return {"trial": config.model_dump_json(), "checkpoint": place.model_dump_json() if place else ""}


def steps(worker, message, count=2):
    return [worker.train(message)["paretune_step"] for _ in range(count)]


def same(first, second):
    assert first.metrics.keys() == second.metrics.keys() and first.predictions == second.predictions
    for name, value in first.metrics.items():
        assert value == second.metrics[name] or math.isnan(value), name


def test_it_trains_what_a_trial_of_the_search_with_its_seed_trains(place, worker, monkeypatch):
    trained = run(config(), host_for(config().model, DATA))[-1]
    monkeypatch.setattr("trainable.host.Host.held_back_rows", lambda host, _: host.search_rows(None))
    own = worker()
    assert steps(own, told(config(), place)) == [2, 4]
    same(report_of(own.score(told(config(), place), "confirm")), trained)


def test_every_row_of_a_split_is_scored_and_no_other(place, worker):
    own, split = worker(), host_for(config().model, DATA).split
    steps(own, told(config(), place))
    for name in ("confirm", "test"):
        report = report_of(own.score(told(config(), place), name))
        assert sorted(one.item for one in report.predictions) == sorted(row.id for row in getattr(split, name))
        assert (report.step, report.progress) == (4, 1.0) and report.seconds > 0


def test_another_worker_goes_on_from_the_last_rung_as_if_nothing_had_happened(place, worker):
    whole = worker()
    steps(whole, told(config()))
    expected = report_of(whole.score(told(config()), "confirm"))
    first, message = worker(), told(config(), place)
    assert steps(first, message, 1) == [2]
    second, again = worker(), told(config(from_step=1), place)
    assert steps(second, again, 1) == [4]
    same(report_of(second.score(again, "confirm")), expected)
    third = worker()  # only scores, from the state after the last step
    same(report_of(third.score(again, "confirm")), expected)


def test_a_run_whose_state_is_lost_is_trained_again_before_it_is_scored(place, worker):
    own = worker()
    steps(own, told(config(), place))
    expected = report_of(own.score(told(config(), place), "test"))
    place.open().remove(1)
    same(report_of(worker().score(told(config(from_step=1), place), "test")), expected)


def test_a_failure_is_a_result_and_the_worker_takes_the_next_run(place, worker):
    own = worker()
    wild = told(config(optimizer={"learning_rate": 1e30}))
    found = next(result for result in (own.train(wild) for _ in range(2)) if ENDING_KEY in result)
    assert ending_of(found).startswith("diverged")
    assert steps(own, told(config(), place)) == [2, 4]
