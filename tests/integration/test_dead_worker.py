"""A worker process that dies takes its trial with it, not the sweep."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from command import start_paretune, write_sweep
from nightly import NIGHTLY
from swept import check_sweep, recorded_trials, study_trials

pytestmark = pytest.mark.ray


def workers_of(process):
    """Find the processes of trials below a driver, by the titles that Ray gives them."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        except (OSError, IndexError):
            continue
    found, queue = [], [process.pid]
    while queue:
        for child in children.get(queue.pop(), []):
            queue.append(child)
            title = Path(f"/proc/{child}/cmdline").read_bytes() if Path(f"/proc/{child}/cmdline").exists() else b""
            if title.startswith(b"ray::") and (b"RayTrial" in title or b"Trainable" in title):
                found.append(child)
    return found


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds worker processes through /proc")
@pytest.mark.parametrize("retries", [0, pytest.param(1, marks=NIGHTLY)])
def test_a_killed_worker_costs_its_trial_a_retry_and_the_sweep_goes_on(tmp_path, retries):
    write_sweep(tmp_path)
    log = tmp_path / "log"
    words = [
        "sweep",
        "sweep.yaml",
        "--out",
        "out",
        "--set",
        "search.concurrency=1",
        "--set",
        f"search.retries={retries}",
    ]
    process = start_paretune(words, cwd=tmp_path, log=log)
    end = time.monotonic() + 120
    victims = []
    while not victims and time.monotonic() < end:
        time.sleep(0.02)
        victims = workers_of(process) if re.search(r"trial 1 starts", log.read_text()) else []
    assert victims, log.read_text()
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    assert process.wait(200) == 0, log.read_text()
    trials = recorded_trials(tmp_path / "out")
    assert trials == study_trials(tmp_path / "out")
    assert [state for _, state in trials].count("FAIL") == 1 - retries
    if retries:
        check_sweep(tmp_path / "out", trials=4)
    else:
        assert trials[1] == (1, "FAIL")
        assert "trial 1 FAIL" in log.read_text() and "worker died: " in log.read_text()
    assert "Traceback" not in log.read_text()
