"""The process that steps a pack, turned by hand and without Ray; each trial is what ``RayTrial`` makes of it."""

import pytest

from spaces import DataConfig, ModelConfig, TrialConfig
from trainable.checkpoints import CheckpointPlace
from trainable.messages import ending_of, report_of
from trainable.packing import PackServer
from trainable.ray_entry import RayTrial

DATA = DataConfig(sources=({"source": "shapes", "domain": "shifted", "scenes": 8},), search_share=0.4)


def told(number, *, place=None, **parts):
    training = {"steps": 3, "rungs": (1, 2), "batch": 2, "rung_rows": 2, "final_rows": 2, "max_new_tokens": 4}
    training |= parts.pop("training", {})
    config = TrialConfig.model_validate(
        {"number": number, "model": ModelConfig(), "data": DATA, "training": training, **parts}
    )
    return {"trial": config.model_dump_json(), "number": number} | (
        {"checkpoint": place.model_dump_json()} if place else {}
    )


def alone(settings, reports):
    worker = RayTrial(settings)
    heard = [report_of(worker.train()) for _ in range(reports)]
    worker.stop()
    return heard


def check_same(report, other):
    assert report.step == other.step
    assert report.metrics == pytest.approx(other.metrics, rel=1e-5, abs=1e-5, nan_ok=True)
    assert report.losses == pytest.approx(other.losses, rel=1e-5, abs=1e-5)


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_freed_seat_is_filled_at_the_next_turn_and_no_trial_runs_ahead_by_more_than_a_report():
    server = PackServer(2)
    first, second = server.take(told(0)), server.take(told(1, optimizer={"learning_rate": 0.01}))
    assert server.take(told(2)) is None
    for _ in range(5):
        server.turn()
    assert [report_of(server.read(ticket, 0)).step for ticket in (first, second)] == [1, 1]
    assert server.read(first, 0) is None
    server.release(first)
    third = server.take(told(2, adapter={"rank": 2}))
    server.turn()
    heard = report_of(server.read(third, 0))
    check_same(heard, alone(told(2, adapter={"rank": 2}), 1)[0])
    assert report_of(server.read(second, 0)).step == 2


def test_a_failure_is_the_ending_of_one_trial():
    server = PackServer(2)
    bad, good = server.take(told(0, optimizer={"learning_rate": 1e30})), server.take(told(1))
    heard = {bad: [], good: []}
    for _ in range(6):
        server.turn()
        for ticket, results in heard.items():
            if (result := server.read(ticket, 0)) is not None:
                results.append(result)
    assert ending_of(heard[bad][-1]).startswith("diverged: ")
    assert [report_of(result).step for result in heard[good]] == [1, 2, 3]
    assert not server.turn()


def test_a_model_that_can_not_be_loaded_is_named():
    server = PackServer(1)
    ticket = server.take(told(0, model={"path": "/nowhere/qwen"}))
    server.turn()
    assert ending_of(server.read(ticket, 0)).startswith("bad model: can't load the model '/nowhere/qwen'")
    server.release(ticket)
    ticket = server.take(told(1))
    server.turn()
    assert report_of(server.read(ticket, 0)).step == 1


def test_a_trial_without_a_report_for_its_limit_of_time_ends_alone():
    clock = Clock()
    server = PackServer(2, clock)
    limited = {"training": {"rungs": (), "steps": 9, "time_limit": 100.0}}
    slow, other = server.take(told(0, **limited)), server.take(told(1))
    server.turn()
    assert report_of(server.read(other, 0)).step == 1
    clock.now = 50.0
    server.renew(slow)
    server.renew(other)
    clock.now = 100.0
    server.turn()
    assert ending_of(server.read(slow, 0)) == "timeout: no report for 100 s; trial.time_limit is 100 s"
    assert report_of(server.read(other, 0)).step == 2


def test_a_trial_goes_on_from_its_checkpoint_packed_or_alone(tmp_path):
    place = CheckpointPlace(folder=str(tmp_path))
    expected = alone(told(0), 3)
    server = PackServer(2)
    ticket = server.take(told(0, place=place))
    server.turn()
    assert not place.open().numbers()  # nobody has heard the report
    check_same(report_of(server.read(ticket, 0)), expected[0])
    assert place.open().numbers()
    second = RayTrial(told(0, place=place, from_step=1))
    check_same(report_of(second.train()), expected[1])
    second.stop()
    other = PackServer(2)
    again = other.take(told(0, place=place, from_step=1))  # the second report was written and not heard
    other.turn()
    check_same(report_of(other.read(again, 0)), expected[1])
    other.turn()
    check_same(report_of(other.read(again, 0)), expected[2])
    assert not other.turn()


def test_steps_that_were_reported_are_trained_again_without_a_checkpoint_and_not_reported_twice(tmp_path):
    place = CheckpointPlace(folder=str(tmp_path))
    server = PackServer(1)
    ticket = server.take(told(0, place=place, from_step=2))
    for _ in range(3):
        server.turn()
    check_same(report_of(server.read(ticket, 0)), alone(told(0), 3)[2])
