import json

import pytest
from made_search import made_report, made_spec, run_to_end, start_hub

from search.kept_checkpoints import KeptCheckpoints, checkpoint_place
from search.recorder import Ending, record_columns
from search.requests import Request, RequestFiles
from trainable.checkpoints import CheckpointPlace

OBJECTIVES = record_columns(made_spec()).objectives


def complete(*values):
    return Ending("COMPLETE", "made up", values)


@pytest.fixture
def checkpoints(tmp_path):
    return CheckpointPlace(folder=str(tmp_path), budget=10**6).open()


def kept_after(checkpoints, endings, *, pinned=()):
    kept = KeptCheckpoints(checkpoints, OBJECTIVES)
    for number, ending in endings.items():
        checkpoints.write(number, bytes(100))
        kept.ended(number, ending, pinned=pinned)
    return kept


def test_the_front_is_kept_and_what_falls_off_it_goes(checkpoints):
    kept = kept_after(checkpoints, {0: complete(0.5, 0.5), 1: complete(0.6, 0.4), 2: complete(0.4, 0.4)})
    assert checkpoints.numbers() == {0, 1} == kept.front
    checkpoints.write(3, bytes(100))
    kept.ended(3, complete(0.55, 0.55), pinned=())
    assert checkpoints.numbers() == {1, 3}


@pytest.mark.parametrize("state", ["PRUNED", "FAIL"])
def test_a_trial_that_did_not_finish_keeps_its_checkpoint_only_if_it_is_pinned(checkpoints, state):
    kept_after(checkpoints, {1: Ending(state, "made up"), 2: Ending(state, "made up")}, pinned=[2])
    assert checkpoints.numbers() == {2}


def test_a_pinned_trial_that_falls_off_the_front_keeps_its_checkpoint(checkpoints):
    kept = kept_after(checkpoints, {0: complete(0.5, 0.5), 1: complete(0.6, 0.6)}, pinned=[0])
    assert checkpoints.numbers() == {0, 1}
    assert kept.front == {1}


def test_who_adds_least_to_the_hypervolume_goes_first_and_who_is_pinned_last(checkpoints, tmp_path):
    """By hand, from the reference (0.45, 0.45), which lies below the baseline by 0.05 in both scores.

    Alone, 1 adds 0.3 x 0.05 = 0.015, 2 adds 0.1 x 0.1 = 0.01, and 3 adds 0.05 x 0.1 = 0.005.
    """
    endings = {0: complete(0.5, 0.5), 1: complete(0.9, 0.5), 2: complete(0.6, 0.6), 3: complete(0.5, 0.7)}
    kept_after(checkpoints, endings, pinned=[2])
    assert json.loads((tmp_path / "spare.json").read_text()) == [3, 1, 2]


def test_a_running_pinned_trial_gives_way_to_none(checkpoints, tmp_path):
    kept_after(checkpoints, {0: complete(0.5, 0.5)}, pinned=[0, 5])
    assert json.loads((tmp_path / "spare.json").read_text()) == [0]


def test_a_store_that_fails_costs_no_trial(checkpoints, monkeypatch, caplog):
    def fail(number):
        raise OSError("made up")

    kept = kept_after(checkpoints, {0: complete(0.5, 0.5)})
    monkeypatch.setattr(checkpoints, "remove", fail)
    kept.ended(1, Ending("PRUNED", "made up"), pinned=())
    assert "checkpoints of ended trials stay until the next start: made up" in caplog.text


def test_a_hub_keeps_the_front_and_pinned_trials_and_the_next_driver_the_same(tmp_path):
    spec = made_spec(trials=6, pruner={"name": "median_all", "warmup_trials": 2, "audit_share": 0.0})
    checkpoints, hub = checkpoint_place(spec, tmp_path).open(), start_hub(spec, tmp_path)
    requests = RequestFiles(tmp_path)
    for number, quality in enumerate((0.6, 0.8, 0.1, 0.05)):
        config = hub.ask()
        checkpoints.write(number, bytes(100))
        if number == 3:
            requests.submit(Request(kind="pin", trial=3))
        run_to_end(hub, config, quality=quality)
    assert checkpoints.numbers() == {1, 3}  # 0 is dominated, 2 and 3 were stopped, 3 is pinned
    running = hub.ask()
    hub.report(running.number, made_report(2, miou=0.9, f1=0.9))
    for number in (0, 2, running.number, 77):  # what a driver that died left, and a running trial's
        checkpoints.write(number, bytes(100))
    (tmp_path / "checkpoints" / ".trial-00004.pt.part").write_bytes(b"half")
    start_hub(spec, tmp_path)
    assert checkpoints.numbers() == {1, 3, running.number}
    assert not (tmp_path / "checkpoints" / ".trial-00004.pt.part").exists()


def test_a_store_that_a_sweep_names_has_a_folder_for_each_sweep(tmp_path):
    spec = made_spec(checkpoints="s3://bucket/prefix/?scheme=http", disk="2MB")
    place = checkpoint_place(spec, tmp_path / "night")
    assert place == CheckpointPlace(folder="s3://bucket/prefix/night?scheme=http", budget=2_000_000)
