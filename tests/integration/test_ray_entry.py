"""What Ray runs in a worker, called as Ray calls it, without a cluster."""

import pytest

import trainable.host
from spaces import DataConfig, ModelConfig, TrialConfig
from trainable.ray_entry import ENDING_KEY, RayTrial, ending_of, report_of

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
