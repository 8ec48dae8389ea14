"""Weights & Biases through Ray's processes, offline: what its files hold, and what its failure costs."""

import json

import pytest
from made_search import Events, made_report, made_spec, run_to_end, start_hub
from nightly import NIGHTLY
from wandb_file import read_offline

from results import read_sweep
from search.cluster import connected_ray
from search.loggers import Loggers
from search.ray_settings import set_up_ray

pytestmark = [pytest.mark.ray, NIGHTLY]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Search with a complete, a stopped, a failed and a suspended trial, and once with a setting that fails."""
    folder = tmp_path_factory.mktemp("swept")
    pruner = {"name": "median_all", "warmup_trials": 1, "audit_share": 0.0}
    spec = made_spec(loggers=("wandb",), pruner=pruner)
    said = []
    set_up_ray("local")
    with pytest.MonkeyPatch.context() as patch, connected_ray(spec):
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_PROJECT", "boxes")
        with Loggers(spec, folder, listener=Events(), say=said.append, patience_s=400) as events:
            hub = start_hub(spec, folder, events=events)
            run_to_end(hub, hub.ask(), quality=0.8)
            run_to_end(hub, hub.ask(), quality=0.2)
            hub.fail(hub.ask().number, "bad data: no image")
            hub.report(hub.ask().number, made_report(2, miou=0.3, f1=0.3))
        with Loggers(spec, folder, listener=Events(), say=said.append, patience_s=400) as events:
            resumed = start_hub(spec, folder, events=events)
            number = resumed.ask().number
            for step in (4, 6):
                resumed.report(number, made_report(step, miou=0.9, f1=0.9))
        assert said == []
        patch.setenv("WANDB_MODE", "no such mode")
        other = tmp_path_factory.mktemp("failed")
        with Loggers(spec, other, listener=Events(), say=said.append, patience_s=400) as events:
            hub = start_hub(spec, other, events=events)
            run_to_end(hub, hub.ask(), quality=0.8)
    runs = {}
    for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        run = read_offline(path)
        runs.setdefault(run.name, []).append(run)
    return folder, other, runs, said


def test_every_trial_is_a_run_of_the_sweeps_group(searched):
    folder, _, runs, _ = searched
    assert sorted(runs) == [f"trial-{number:05d}" for number in range(4)]
    files = [run for files in runs.values() for run in files]
    assert {(run.project, run.group) for run in files} == {("boxes", folder.name)}
    assert len({run.run_id for run in files}) == 4


def test_scores_losses_and_weights_stand_at_their_steps(searched):
    _, _, runs, _ = searched
    history = runs["trial-00000"][0].history
    assert [row["_step"] for row in history] == [2, 4, 6]
    assert [row["metric/text.token_f1"] for row in history] == pytest.approx([0.8 / 3, 1.6 / 3, 0.8])
    assert [(row["loss/text_ce"], row["weight/box_ce"]) for row in history] == [(1, 1)] * 3


def test_what_was_drawn_is_the_runs_config(searched):
    folder, _, runs, _ = searched
    for number, row in read_sweep(folder).trials.set_index("trial").iterrows():
        config = runs[f"trial-{number:05d}"][0].config
        assert config["optimizer.learning_rate"] == row["param.optimizer.learning_rate"]
        assert ("mixture.giou.weight" in config) == bool(row["param.mixture.giou.on"])


def test_only_a_trial_that_reached_its_last_step_is_finished(searched):
    _, _, runs, _ = searched
    endings = {name: (run.exit_code, run.summary["state"], run.summary["reason"]) for name, (run, *_) in runs.items()}
    assert endings["trial-00000"] == (0, "COMPLETE", "final step reached")
    assert endings["trial-00001"][:2] == (255, "PRUNED")
    assert endings["trial-00002"] == (1, "FAIL", "bad data: no image")
    assert endings["trial-00003"][:2] == (255, "SUSPENDED")


def test_a_suspended_trial_goes_on_in_its_run(searched):
    _, _, runs, _ = searched
    before, after = runs["trial-00003"]
    assert before.run_id == after.run_id
    assert [row["_step"] for row in (*before.history, *after.history)] == [2, 4, 6]
    assert (after.exit_code, after.summary["state"]) == (0, "COMPLETE")


def test_a_process_that_fails_is_told_once_and_costs_no_measurement(searched):
    _, other, _, said = searched
    assert len(said) == 1
    assert said[0].startswith("search.loggers: wandb failed, and what it misses is not logged: ")
    assert list(read_sweep(other).trials["state"]) == ["COMPLETE"]


def test_no_run_holds_where_its_key_came_from(searched):
    _, _, runs, _ = searched
    assert "WANDB_API_KEY" not in json.dumps([run.config for files in runs.values() for run in files])
