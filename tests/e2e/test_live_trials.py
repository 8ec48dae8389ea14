"""Trials of a running sweep that a user stops, and one that takes too long."""

import pytest
from command import paretune, start_paretune, wait_until, write_sweep
from swept import recorded_trials

from results import read_sweep

pytestmark = pytest.mark.ray


def test_a_running_trial_is_stopped_within_one_report(tmp_path):
    write_sweep(tmp_path)
    rungs = list(range(10, 4000, 10))
    words = ["sweep", "sweep.yaml", "--out", "out"]
    for override in ("trial.steps=4000", f"trial.rungs={rungs}", "search.trials=2", "search.concurrency=1"):
        words += ["--set", override]
    log = tmp_path / "log"
    process = start_paretune(words, cwd=tmp_path, log=log)
    reports = []
    for number in (0, 1):
        wait_until(lambda line=f"trial {number} starts": line in log.read_text(), process, log)
        done = paretune("trial", "stop", "out", number, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"trial {number} stops at its next report\n"), done.stderr
        reports.append(len(read_sweep(tmp_path / "out").reports))
        wait_until(lambda line=f"trial {number} PRUNED": line in log.read_text(), process, log)
    assert process.wait(120) == 1, log.read_text()  # no trial reached its last step
    assert recorded_trials(tmp_path / "out") == [(0, "PRUNED"), (1, "PRUNED")]
    tables = read_sweep(tmp_path / "out")
    assert list(tables.trials["reason"]) == ["stopped by the user"] * 2
    last = tables.reports.groupby("trial").size()
    assert last[0] <= reports[0] + 2  # one under way when the request came, one that may have come beside it
    assert "Traceback" not in log.read_text()


def test_a_trial_that_takes_too_long_is_ended_whatever_it_does(tmp_path):
    write_sweep(tmp_path)
    done = paretune("sweep", "sweep.yaml", "--out", "out", "--set", "trial.time_limit=0.2", cwd=tmp_path)
    assert done.returncode == 1
    rows = read_sweep(tmp_path / "out").trials
    assert set(rows["state"]) == {"FAIL"}
    assert all(reason.startswith("timeout: ") for reason in rows["reason"])
    assert "Traceback" not in done.stdout + done.stderr
