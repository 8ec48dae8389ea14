"""Trials that share a base through real Ray: the same record, whatever dies; each one trial of Tune and of Optuna."""

import os
import signal
import time
from pathlib import Path

import duckdb
import pytest
from command import paretune, start_paretune, wait_until, write_sweep
from nightly import NIGHTLY
from swept import check_sweep, recorded_trials, study_trials

from search.cluster import connected_ray
from search.packs import chosen_pack
from search.spec_file import load_spec

pytestmark = pytest.mark.ray

SAME = ("search.sampler=random", "search.pruner=none")
SETTINGS = "trial, role, attempt, steps, COLUMNS('param.*')"
REPORTS = "trial, step, COLUMNS('loss.*')"


def words(out, *settings):
    return ["sweep", "sweep.yaml", "--out", out, *(word for setting in settings for word in ("--set", setting))]


def rows(folder, table, columns):
    return duckdb.sql(f"SELECT {columns} FROM '{folder}/{table}/*.parquet' ORDER BY ALL").fetchall()


def servers_of(process):
    """Find the processes below a driver that step packs, by the titles that Ray gives them."""
    parents, titles = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            titles[int(path.name)] = (path / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue

    def is_below(pid):
        while pid in parents and pid != process.pid:
            pid = parents[pid]
        return pid == process.pid

    return [pid for pid, title in titles.items() if title.startswith(b"ray::PackServer") and is_below(pid)]


@NIGHTLY
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes through /proc")
def test_packed_trials_are_those_of_a_sweep_without_packs_though_their_server_is_killed(tmp_path):
    write_sweep(tmp_path)
    log, other_log = tmp_path / "log", tmp_path / "other"
    process = start_paretune(words("packed", "trial.pack=2", *SAME), cwd=tmp_path, log=log)
    wait_until(lambda: "step 2" in log.read_text(), process, log)
    (victim,) = servers_of(process)
    os.kill(victim, signal.SIGKILL)
    solo = start_paretune(words("solo", *SAME), cwd=tmp_path, log=other_log)
    assert (process.wait(240), solo.wait(240)) == (0, 0), log.read_text() + other_log.read_text()
    for folder in (tmp_path / "packed", tmp_path / "solo"):
        check_sweep(folder, trials=4)
        assert recorded_trials(folder) == [(number, "COMPLETE") for number in range(4)]
    assert rows(tmp_path / "packed", "trials", SETTINGS) == rows(tmp_path / "solo", "trials", SETTINGS)
    packed, alone = (rows(tmp_path / out, "reports", REPORTS) for out in ("packed", "solo"))
    assert [row[:2] for row in packed] == [row[:2] for row in alone]
    for row, expected in zip(packed, alone, strict=True):
        assert [loss for loss in row if loss is not None] == pytest.approx(
            [loss for loss in expected if loss is not None], rel=1e-5, abs=1e-5
        )
    answers, expected = (rows(tmp_path / out, "predictions", "trial, step, split, item") for out in ("packed", "solo"))
    assert answers == expected
    assert {trial for trial, *_ in answers} == set(range(4))
    requeued = duckdb.sql(f"SELECT reason FROM '{tmp_path}/packed/decisions/*.parquet' WHERE verdict = 'REQUEUE'")
    assert 1 <= len(reasons := requeued.fetchall()) <= 2
    assert all(reason.startswith("worker died: ") for (reason,) in reasons)
    assert "Traceback" not in log.read_text()
    wait_until_gone(victim)


def wait_until_gone(pid, *, timeout_s=10):
    end = time.monotonic() + timeout_s
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()


@NIGHTLY
def test_the_slot_of_a_stopped_trial_is_filled_again(tmp_path):
    write_sweep(tmp_path)
    stopping = "search.pruner={name: optuna, stock: threshold, lower: 5, warmup_trials: 0, audit_share: 0}"
    done = paretune(*words("out", "trial.pack=2", "search.trials=6", stopping), cwd=tmp_path)
    assert done.stderr == "paretune: no trial reached its last step\n", done.stdout + done.stderr
    trials = recorded_trials(tmp_path / "out")
    assert trials == study_trials(tmp_path / "out")
    assert trials == [(number, "PRUNED") for number in range(6)]


@NIGHTLY
def test_the_size_of_a_pack_is_measured_and_said(tmp_path):
    spec, said = load_spec(write_sweep(tmp_path), overrides=["trial.pack=auto"]), []
    with connected_ray(spec) as cluster:
        size = chosen_pack(spec, say=said.append, loss=cluster.loss, is_over=lambda: False)
        lost = spec.model_copy(update={"model": spec.model.model_copy(update={"path": "/nowhere/qwen"})})
        assert chosen_pack(lost, say=said.append, loss=cluster.loss, is_over=lambda: False) == 1
    assert size in (1, 2)
    assert said[0].startswith("trial.pack: auto measured batches per second of packs of 1: ")
    assert said[0].endswith(f"; it takes {size}")
    assert "can't load the model '/nowhere/qwen'" in said[1]
