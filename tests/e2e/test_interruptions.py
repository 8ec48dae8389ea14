"""A sweep whose driver dies goes on: no trial lost, none twice."""

import os
import random
import re
import signal
import time

import pytest
from command import paretune, start_paretune, write_sweep
from nightly import NIGHTLY
from swept import check_sweep

pytestmark = pytest.mark.ray

TRIALS = 16
KILLS = 5


def wait_for(log, pattern, process, *, times=1, timeout_s=180):
    """Wait until so many lines of the log match, or the process has ended."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        if len(re.findall(pattern, log.read_text(errors="replace"))) >= times:
            return
        time.sleep(0.02)
    assert process.poll() is not None, f"nothing matched {pattern}:\n{log.read_text()}"


@pytest.mark.slow
@NIGHTLY
def test_five_kills_of_the_driver_lose_no_trial_and_repeat_none(tmp_path):
    """Kill after a random number of events and a random pause: while starting, between and during writes."""
    write_sweep(tmp_path)
    chance = random.Random(int(os.environ.get("PARETUNE_KILL_SEED", "7")))
    words = ["sweep", "sweep.yaml", "--out", "out", "--set", f"search.trials={TRIALS}"]
    for kill in range(KILLS):
        log = tmp_path / f"log{kill}"
        process = start_paretune(words, cwd=tmp_path, log=log)
        wait_for(log, r"trial \d+ ", process, times=chance.randint(1, 8))
        time.sleep(chance.uniform(0, 0.5))
        assert process.poll() is None, f"the sweep ended before kill {kill}:\n{log.read_text()}"
        process.kill()
        process.wait()
        words = ["resume", "out"]
    done = paretune("resume", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    check_sweep(tmp_path / "out", trials=TRIALS)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=NIGHTLY)], ids=lambda number: number.name
)
def test_a_signal_ends_with_130_and_the_sweep_can_be_resumed(tmp_path, number):
    write_sweep(tmp_path)
    log = tmp_path / "log"
    process = start_paretune(["sweep", "sweep.yaml", "--out", "out"], cwd=tmp_path, log=log)
    wait_for(log, r"trial \d+ step 1", process)
    process.send_signal(number)
    assert process.wait(60) == 130, log.read_text()
    assert f"interrupted by {number.name}" in log.read_text()
    assert "Traceback" not in log.read_text()
    done = paretune("resume", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    check_sweep(tmp_path / "out", trials=4)


def test_a_second_driver_in_one_folder_is_refused(tmp_path):
    write_sweep(tmp_path)
    log = tmp_path / "log"
    endless = ["--set", "trial.steps=100000"]
    process = start_paretune(["sweep", "sweep.yaml", "--out", "out", *endless], cwd=tmp_path, log=log)
    try:
        wait_for(log, r"trial \d+ starts", process)
        done = paretune("resume", "out", cwd=tmp_path)
        assert done.returncode == 1
        assert "another process runs the sweep in out" in done.stderr
    finally:
        process.kill()
        process.wait()


def test_at_the_time_limit_the_sweep_ends_with_what_it_has(tmp_path):
    write_sweep(tmp_path)
    done = paretune(
        "sweep",
        "sweep.yaml",
        "--out",
        "out",
        "--set",
        "search.trials=500",
        "--set",
        "search.time_limit=45s",
        cwd=tmp_path,
    )
    assert "a limit of the sweep is reached; go on by: paretune resume out" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    status = paretune("status", "out", cwd=tmp_path)
    assert re.match(r"\d+ of 500 trials ended", status.stdout)
