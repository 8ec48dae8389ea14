"""The Ray that a sweep starts for itself: where it listens, and what happens when it dies or is told to end."""

import os
import re
import signal
import time
from pathlib import Path

import duckdb
import pytest
from command import start_paretune, wait_until, write_sweep
from nightly import NIGHTLY
from processes import below, listening
from swept import check_sweep, recorded_trials, study_trials

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="looks at processes and sockets through /proc"),
]

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""127.0.0.1, the same as an IPv6 address, and ::1, as /proc/net writes them."""

WORDS = ["sweep", "sweep.yaml", "--out", "out", "--set", "trial.steps=4"]


def seen(log, pattern):
    return lambda: re.search(pattern, log.read_text(errors="replace"))


def process_of(process, name):
    """Find a process of Ray below a driver."""
    return next(pid for pid, line in below(process.pid).items() if re.search(rf"/{name}( |$)", line))


@pytest.mark.slow
def test_a_raylet_that_dies_costs_no_trial_and_all_of_ray_listens_on_this_machine_alone(tmp_path):
    write_sweep(tmp_path)
    log = tmp_path / "log"
    process = start_paretune([*WORDS, "--set", "search.retries=0"], cwd=tmp_path, log=log)
    try:
        wait_until(seen(log, r"trial \d+ step 2"), process, log)
        sockets = listening({process.pid, *below(process.pid)})
        os.kill(process_of(process, "raylet"), signal.SIGKILL)
        assert process.wait(300) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert {pid for pid, _ in sockets} >= {process.pid}  # Ray's driver listens too
    assert len(sockets) >= 5
    assert {address for _, address in sockets} <= LOOPBACK
    text = log.read_text()
    assert text.count("paretune: Ray's process raylet died; Ray starts anew") == 1
    assert "Traceback" not in text
    check_sweep(tmp_path / "out", trials=4)
    assert {state for _, state in recorded_trials(tmp_path / "out")} <= {"COMPLETE", "PRUNED"}
    reports = duckdb.sql(
        f"SELECT trial, attempt, step, count(*) FROM '{tmp_path}/out/reports/*.parquet' GROUP BY ALL"
    ).fetchall()
    assert {count for *_, count in reports} == {1}
    assert {attempt for _, attempt, *_ in reports} == {0}


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=NIGHTLY)], ids=lambda number: number.name
)
def test_a_signal_to_the_whole_process_group_leaves_every_trial_to_be_resumed(tmp_path, number):
    write_sweep(tmp_path)
    log = tmp_path / "log"
    process = start_paretune([*WORDS, "--set", "search.retries=0"], cwd=tmp_path, log=log)
    try:
        wait_until(seen(log, r"trial \d+ step 1"), process, log)
        os.killpg(process.pid, number)
        assert process.wait(120) == 130, log.read_text()
    finally:
        process.kill()
        process.wait()
    text = log.read_text()
    before, after = text.split(f"{number.name}: running trials end at their next report; once more to stop now\n")
    assert "starts" in before and " starts" not in after
    assert f"interrupted by {number.name}; what was measured is kept; go on by: paretune resume out" in after
    assert "Traceback" not in text and "FAIL" not in text
    if number == signal.SIGINT:  # Ray keeps it from its processes; SIGTERM ends them all
        assert (tmp_path / "out" / "report" / "report.html").exists()
        decisions = duckdb.sql(f"SELECT trial FROM '{tmp_path}/out/decisions/*.parquet' WHERE verdict = 'SUSPEND'")
        suspended = {trial for (trial,) in decisions.fetchall()}
        ended = {trial for trial, state in study_trials(tmp_path / "out") if state != "RUNNING"}
        started = {int(trial) for trial in re.findall(r"trial (\d+) starts", before)}
        assert suspended and suspended <= started - ended  # one that had not come to train is left as it is
        kept = {path.name for path in (tmp_path / "out" / "checkpoints").iterdir()}
        assert kept >= {f"trial-{trial:05d}.pt" for trial in suspended}


def test_a_second_signal_ends_at_once(tmp_path):
    write_sweep(tmp_path)
    log = tmp_path / "log"
    words = ["sweep", "sweep.yaml", "--out", "out", "--set", "trial.steps=100000", "--set", "trial.rungs=[1]"]
    process = start_paretune(words, cwd=tmp_path, log=log)
    try:
        wait_until(seen(log, r"trial \d+ step 1"), process, log)
        process.send_signal(signal.SIGINT)
        wait_until(seen(log, "SIGINT: running trials end"), process, log)
        time.sleep(1)  # a second signal within half a second counts as the same
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "interrupted by SIGINT; what was measured is kept" in log.read_text()
    assert "Traceback" not in log.read_text()
