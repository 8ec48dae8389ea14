"""What Ray runs in a worker, called as Ray calls it, without a cluster."""

import pytest

import trainable.host
from spaces import DataConfig, ModelConfig, TrialConfig
from trainable.checkpoints import CheckpointPlace, unpacked
from trainable.messages import ENDING_KEY, ending_of, report_of
from trainable.ray_entry import RayTrial
from trainable.report import report_from

DATA = DataConfig(sources=({"source": "shapes", "domain": "shifted", "scenes": 8},), search_share=0.4)


def settings(number, **parts):
    training = {"steps": 2, "rungs": (1,), "batch": 2, "rung_rows": 4, "final_rows": 4, "seed": 3}
    config = TrialConfig.model_validate(
        {"number": number, "model": ModelConfig(), "data": DATA, "training": training, **parts}
    )
    return {"trial": config.model_dump_json(), "number": number}


@pytest.fixture
def loads(monkeypatch):
    """Count how often a base model is loaded."""
    trainable.host._host.cache_clear()
    count = []
    load = trainable.host.load_base
    monkeypatch.setattr(trainable.host, "load_base", lambda config: count.append(config) or load(config))
    return count


def test_a_worker_loads_its_base_once_for_all_its_trials(loads):
    worker = RayTrial(settings(0))
    first = [report_of(worker.train()) for _ in range(2)]
    assert worker.reset(settings(1))
    second = [report_of(worker.train()) for _ in range(2)]
    worker.stop()
    assert len(loads) == 1
    assert [report.step for report in first + second] == [1, 2, 1, 2]
    assert second[-1].metrics == first[-1].metrics


def test_a_trial_that_was_stopped_leaves_nothing_to_the_next(loads):
    worker = RayTrial(settings(0, optimizer={"learning_rate": 0.01}))
    worker.train()
    worker.reset(settings(1))
    after = report_of(worker.train())
    worker.stop()
    alone = RayTrial(settings(1))
    assert report_of(alone.train()).metrics == after.metrics
    alone.stop()
    assert not any(
        "lora" in name for name, _ in trainable.host.host_for(ModelConfig(), DATA).base.model.named_modules()
    )


def test_a_failure_is_a_result_and_the_worker_goes_on():
    worker = RayTrial(settings(0, optimizer={"learning_rate": 1e30}))
    results = [worker.train(), worker.train()]
    assert ending_of(results[-1]).startswith("diverged: ")
    worker.reset(settings(1))
    assert ENDING_KEY not in worker.train()
    worker.stop()


def test_a_model_that_cannot_be_loaded_is_named():
    worker = RayTrial(settings(0, model={"path": "/nowhere/qwen"}))
    assert ending_of(worker.train()).startswith("bad model: can't load the model '/nowhere/qwen'")
    worker.stop()


def test_a_trial_that_lost_its_worker_goes_on_from_its_checkpoint_as_if_nothing_had_happened(tmp_path):
    training = {"steps": 4, "rungs": (1, 2, 3), "batch": 2, "rung_rows": 4, "final_rows": 4, "seed": 3}
    place = CheckpointPlace(folder=str(tmp_path))

    def worker(from_step):
        parts = {"training": training, "from_step": from_step, "mixture": {"weighting": {"name": "dwa"}}}
        return RayTrial(settings(0, **parts) | {"checkpoint": place.model_dump_json()})

    whole = RayTrial(settings(0, training=training, mixture={"weighting": {"name": "dwa"}}))
    expected = [report_of(whole.train()) for _ in range(4)]
    whole.stop()
    first = worker(0)
    reports = [report_of(first.train()) for _ in range(2)]
    first.stop()
    second = worker(2)  # both reports reached the driver
    reports += [report_of(second.train())]
    second.stop()
    third = worker(2)  # the third report did not: it is said again, not trained again
    repeated = report_of(third.train())
    assert repeated == reports[-1]
    reports += [report_of(third.train())]
    third.stop()
    place.open().remove(0)
    fourth = worker(3)  # without a checkpoint its steps are trained again, and not reported twice
    last = report_of(fourth.train())
    fourth.stop()
    for report, other in zip([*reports, last], [*expected, expected[-1]], strict=True):
        assert (report.step, report.metrics, report.losses) == (other.step, other.metrics, other.losses)


def test_a_damaged_checkpoint_costs_time_and_nothing_else(tmp_path):
    place = CheckpointPlace(folder=str(tmp_path))
    place.open().write(0, b"no checkpoint")
    worker = RayTrial(settings(0, from_step=1) | {"checkpoint": place.model_dump_json()})
    report = report_of(worker.train())
    worker.stop()
    alone = RayTrial(settings(0))
    alone.train()
    assert (report.step, report.metrics) == (2, report_of(alone.train()).metrics)
    alone.stop()


@pytest.mark.parametrize("fault", ["no folder", "no room"])
def test_a_checkpoint_that_can_not_be_written_costs_no_trial(tmp_path, caplog, fault):
    folder = tmp_path if fault == "no room" else tmp_path / "gone"
    place = CheckpointPlace(folder=str(folder), budget=100 if fault == "no room" else None)
    worker = RayTrial(settings(0) | {"checkpoint": place.model_dump_json()})
    reports = [report_of(worker.train()) for _ in range(2)]
    worker.stop()
    assert [report.step for report in reports] == [1, 2]
    assert caplog.text.count("trial 0 goes on without a checkpoint: ") == 2
    assert not place.open().numbers()


def test_the_state_after_the_last_step_is_kept_too_and_holds_all_that_a_trial_is(tmp_path):
    place = CheckpointPlace(folder=str(tmp_path))
    worker = RayTrial(settings(0) | {"checkpoint": place.model_dump_json()})
    reports = [report_of(worker.train()) for _ in range(2)]
    worker.stop()
    saved = unpacked(place.open().read(0))
    assert (saved["attempt"], report_from(saved["report"], saved["predictions"])) == (0, reports[-1])
    assert [bool(report.predictions) for report in reports] == [False, True]
    assert saved["trial"]["step"] == 2
    assert {"adapter", "optimizer", "weighting", "sampler", "generators", "pace"} <= saved["trial"].keys()
    again = RayTrial(settings(0, from_step=1) | {"checkpoint": place.model_dump_json()})
    assert report_of(again.train()) == reports[-1]  # the driver died before it heard it
    again.stop()
