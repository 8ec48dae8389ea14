"""Reports to Ray's developers that need no Ray: hub, checkpoints and workers as a sweep uses them."""

import gc
import itertools
import subprocess
import sys
import tracemalloc
import weakref
from datetime import UTC, datetime

import pytest
from command import TINY_SWEEP, write_sweep
from made_search import Events, made_report, made_spec, run_to_end, start_hub

from results import read_sweep
from search.errors import SpecError
from search.hub import Hub
from search.kept_checkpoints import checkpoint_place
from search.memory_study import memory_studies
from search.node_facts import facts_of_node
from search.probe import Node, NodeFacts, _faults, _faults_of_folder
from search.pruners import PRUNERS, make_pruner
from search.simulator import NoCheckpoints, NoMirror, NoRequests
from search.spec_file import load_spec
from spaces import DataConfig, ModelConfig, TrialConfig
from trainable.host import host_for
from trainable.messages import ENDING_KEY, ending_of
from trainable.ray_entry import RayTrial

DATA = DataConfig.model_validate({"sources": [{"source": "shapes", "scenes": 8}], "search_share": 0.4})


def settings(number, **parts):
    """Give what Ray tells a worker about a trial of two steps."""
    training = {"steps": 2, "rungs": (1,), "batch": 2, "rung_rows": 4, "final_rows": 4, "seed": 3}
    config = TrialConfig.model_validate(
        {"number": number, "model": ModelConfig(), "data": DATA, "training": training, **parts}
    )
    return {"trial": config.model_dump_json(), "number": number}


def test_ray_30861_the_sampler_of_a_resumed_sweep_knows_what_the_first_one_knew(tmp_path):
    """The searcher is lost by a restore: https://github.com/ray-project/ray/issues/30861."""
    spec = made_spec(trials=7, sampler={"startup_trials": 3}, pruner={"name": "none"})

    def points(folder, *, restart, quality):
        hub, found = start_hub(spec, folder), []
        while config := hub.ask():
            found.append((config.optimizer, config.mixture))
            run_to_end(hub, config, quality=quality(config.optimizer.learning_rate))
            hub = start_hub(spec, folder) if restart else hub
        return found

    whole = points(tmp_path / "whole", restart=False, quality=lambda rate: rate * 50)
    assert points(tmp_path / "pieces", restart=True, quality=lambda rate: rate * 50) == whole
    other = points(tmp_path / "other", restart=True, quality=lambda rate: 1 - rate * 50)
    assert other[:3] == whole[:3] and other != whole, "what it asks for must depend on what it knows"


class NoRecord:
    """A record that keeps nothing, so that what grows is the hub and the study."""

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC)

    def predictions(self, *_):
        pass

    def report(self, *_):
        pass

    def decision(self, *_, **__):
        pass

    def ending(self, *_, **__):
        pass


def test_ray_64231_each_of_many_trials_costs_the_driver_the_same_small_memory():
    """Memory of the driver grows with the trials: https://github.com/ray-project/ray/issues/64231."""
    spec = made_spec(trials=1500, sampler={"name": "random"}, pruner={"name": "median_all", "audit_share": 0.0})
    studies = memory_studies(["maximize", "maximize"])
    hub = Hub(
        spec,
        studies.main,
        companion=NoMirror(),
        recorder=NoRecord(),
        pruner=make_pruner(spec, studies.companion),
        listener=Silent(),
        is_over=lambda: False,
        files=NoCheckpoints(),
        requests=NoRequests(),
    )
    held = []
    tracemalloc.start()
    try:
        while config := hub.ask():
            run_to_end(hub, config, quality=(config.optimizer.learning_rate * 1e5) % 1)
            if hub.ended % 300 == 0:
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert len(held) == 5
    growth = [(after - before) / 300 for before, after in itertools.pairwise(held)]
    assert growth[-1] < 1.5 * growth[0], f"bytes per trial, from part to part: {growth}"
    assert max(growth) < 40_000, f"bytes per trial, from part to part: {growth}"


class Silent(Events):
    def ended(self, config, ending):
        pass


@pytest.fixture
def stored(tmp_path):
    """Give a sweep whose checkpoints may take 1000 bytes, all of its trials on the front."""
    spec = made_spec(trials=12, pruner={"name": "none"}, disk="1kB")
    return tmp_path, spec, start_hub(spec, tmp_path), checkpoint_place(spec, tmp_path)


def used(folder):
    return sum(path.stat().st_size for path in (folder / "checkpoints").iterdir())


def test_ray_9865_all_checkpoints_together_stay_within_one_budget(stored):
    """Checkpoints fill the disk: https://github.com/ray-project/ray/issues/9865."""
    folder, _, hub, place = stored
    for number in range(12):
        config = hub.ask()
        place.open().write(config.number, bytes(300))
        assert used(folder) <= 1000
        for step, (miou, f1) in {2: (0.1, 0.1), 4: (0.2, 0.2), 6: (0.3 + number / 50, 0.9 - number / 50)}.items():
            hub.report(config.number, made_report(step, miou=miou, f1=f1))
    assert 1 < len(place.open().numbers()) <= 3, "of a front of twelve as many are kept as there is room for"
    assert list(read_sweep(folder).trials["state"]) == ["COMPLETE"] * 12


def test_ray_30506_the_budget_holds_across_trials_and_not_for_each(stored):
    """The number to keep counts per trial: https://github.com/ray-project/ray/issues/30506."""
    folder, _, hub, place = stored
    numbers = [hub.ask().number for _ in range(5)]
    failed = []
    for number in numbers:  # all of them run, none may give way
        try:
            place.open().write(number, bytes(250))
        except OSError:
            failed.append(number)
        assert used(folder) <= 1000
    assert failed == numbers[3:]
    place.open().write(0, bytes(240))  # a new one takes the place of the trial's earlier one
    assert place.open().numbers() == set(numbers[:3])


def test_ray_17940_checkpoints_that_other_processes_wrote_are_removed(stored):
    """Checkpoints on other nodes are not deleted: https://github.com/ray-project/ray/issues/17940."""
    _, _, hub, place = stored
    for _ in range(3):
        hub.ask()
    writer = (
        "from trainable.checkpoints import CheckpointPlace\n"
        f"place = CheckpointPlace.model_validate_json({place.model_dump_json()!r}).open()\n"
        "[place.write(number, bytes(100)) for number in range(3)]\n"
    )
    subprocess.run([sys.executable, "-c", writer], check=True)
    assert place.open().numbers() == {0, 1, 2}
    hub.fail(0, "diverged: made up")
    assert place.open().numbers() == {1, 2}
    for number, quality in ((1, 0.9), (2, 0.5)):
        for step in (2, 4, 6):
            hub.report(number, made_report(step, miou=quality * step / 6, f1=quality * step / 6))
    assert place.open().numbers() == {1}, "2 is dominated by 1"


def test_ray_30414_a_worker_frees_a_trials_memory_before_the_next_one():
    """Memory of a GPU is held after a stop: https://github.com/ray-project/ray/issues/30414."""
    worker = RayTrial(settings(0))
    assert ENDING_KEY not in worker.train()
    model = host_for(ModelConfig(), DATA).base.model
    adapter = [weakref.ref(value) for name, value in model.named_parameters() if "lora" in name]
    optimizer = weakref.ref(worker._trial._state._optimizer)
    assert adapter and all(each() is not None for each in adapter)
    del model
    assert worker.reset(settings(1))
    gc.collect()
    assert [each for each in (*adapter, optimizer) if each() is not None] == []
    assert ENDING_KEY not in worker.train()
    worker.stop()


def test_ray_37177_a_node_that_does_not_see_the_sweeps_folder_is_named_before_anything_starts(tmp_path):
    """A local path on several nodes: https://github.com/ray-project/ray/issues/37177."""
    node = Node("ab" * 28, "10.0.0.7 (gpu7, abababab)", {"CPU": 4.0})
    (tmp_path / "driver").write_text("nonce")

    def faults(folder):
        facts = NodeFacts.model_validate_json(facts_of_node(str(folder), node.id, ["paretune", "torch"], []))
        return [*_faults(facts, facts, {}), *_faults_of_folder(facts, node, tmp_path, "nonce")]

    assert faults(tmp_path) == []
    (tmp_path / node.id).unlink()
    (fault,) = faults(tmp_path / "of another machine")
    assert "it does not see the sweep's folder" in fault


@pytest.mark.parametrize("name", ["median_all", "moasha", "eod", "optuna"])
def test_ray_8018_every_pruner_stops_a_trial_that_is_weak_in_several_objectives(tmp_path, name):
    """Schedulers know one metric: https://github.com/ray-project/ray/issues/8018."""
    warmup = {} if name == "optuna" else {"warmup_trials": 2}
    spec = made_spec(trials=8, pruner={"name": name, "audit_share": 0.0, **warmup})
    hub = start_hub(spec, tmp_path)
    for quality in (0.6, 0.7, 0.8, 0.75, 0.65, 0.7):
        run_to_end(hub, hub.ask(), quality=quality)
    run_to_end(hub, hub.ask(), quality=0.01)
    assert read_sweep(tmp_path).trials.iloc[-1]["state"] == "PRUNED"


def test_ray_35909_objectives_are_named_in_one_place_and_nowhere_else(tmp_path):
    """The metric is set in three places: https://github.com/ray-project/ray/issues/35909."""
    spec = load_spec(write_sweep(tmp_path))
    assert [objective.metric for objective in spec.objectives] == ["grounding.miou", "text.token_f1"]
    for place in ("search", "search.pruner", "search.sampler"):
        for key, value in (("metric", "grounding.miou"), ("mode", "max")):
            with pytest.raises(SpecError, match=key):
                load_spec(tmp_path / "sweep.yaml", overrides=[f"{place}.{key}={value}"])


@pytest.mark.parametrize("name", ["pbt", "{name: pb2}"])
def test_ray_27170_and_ray_53831_training_by_populations_is_refused_with_the_names_that_there_are(tmp_path, name):
    """PBT without checkpoints fails late, or loses trials.

    https://github.com/ray-project/ray/issues/27170 and https://github.com/ray-project/ray/issues/53831.
    """
    text = TINY_SWEEP.replace("{name: median_all, warmup_trials: 1}", name)
    with pytest.raises(SpecError) as caught:
        load_spec(write_sweep(tmp_path, text))
    (fault,) = caught.value.faults
    assert all(f"{other}" in fault for other in PRUNERS), fault


def test_stimulus_py_4_a_loss_that_is_no_number_ends_its_trial_and_not_the_sweep(tmp_path):
    """A NaN ends the whole run: https://github.com/mathysgrapotte/stimulus-py/issues/4."""
    worker, hub = RayTrial(settings(0, optimizer={"learning_rate": 1e30})), start_hub(made_spec(trials=3), tmp_path)
    config, result = hub.ask(), {}
    while ENDING_KEY not in result:
        result = worker.train()
    hub.fail(config.number, ending_of(result))
    assert worker.reset(settings(1))
    assert ENDING_KEY not in worker.train()
    worker.stop()
    for quality in (0.5, 0.6):
        run_to_end(hub, hub.ask(), quality=quality)
    trials = read_sweep(tmp_path).trials
    assert list(trials["state"]) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials.iloc[0]["reason"].startswith("diverged: ")
