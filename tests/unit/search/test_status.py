"""How far a sweep is, once and for as long as it runs; a lock that the test holds is the driver."""

import fcntl
import json
import os
import pty
import signal
import subprocess
from contextlib import contextmanager

import pytest
from command import PARETUNE, environment
from made_search import made_spec
from timed_sweep import scored, swept

from search.cli import main
from search.status import status_of
from search.watching import watch


@contextmanager
def driven(folder):
    """Hold the lock that a driver holds."""
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def folder(tmp_path):
    return swept(tmp_path / "sweep", made_spec(), [("COMPLETE", 6), ("PRUNED", 2), ("COMPLETE", 6), ("RUNNING", 4)])


def test_states_are_counted_and_trials_that_run_are_listed(folder):
    status = status_of(folder)

    assert (status.trials, status.ended, status.is_running) == (6, 3, False)
    assert status.states == {"COMPLETE": 2, "PRUNED": 1, "FAIL": 0}
    (running,) = status.running
    assert (running.trial, running.step, running.steps) == (3, 4, 6)
    assert running.scores["grounding.miou"] == scored(3, 4)


def test_the_front_and_the_baseline_are_there(folder):
    status = status_of(folder)

    assert [(one.trial, one.role, one.on_front) for one in status.front] == [
        (2, "search", True),
        (0, "baseline", False),
    ]
    assert status.front[0].values == {"grounding.miou": scored(2, 6), "text.token_f1": scored(2, 6)}
    assert status.hypervolume > 0


def test_the_time_left_is_that_of_the_trials_that_wait_and_only_while_a_driver_works(folder):
    """By hand 37.25 s with the start of a worker, 5.25 s up to step 2, and 17.25 s."""
    assert status_of(folder).seconds_left is None
    with driven(folder):
        left = status_of(folder).seconds_left

    mean = (37.25 + 5.25 + 17.25) / 3
    assert left == pytest.approx(2 * mean)  # trial 3 reported long ago and is overdue; two trials wait


def test_json_is_one_object(folder, capsys):
    assert main(["status", str(folder), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["ended"] == 3
    assert found["front"][0]["trial"] == 2


def test_watching_ends_with_the_driver(folder, capsys):
    with driven(folder):
        looks = []

        def pause(seconds):
            looks.append(seconds)
            if len(looks) == 3:
                (folder / ".lock").unlink()

        status = watch(folder, every_s=0.5, pause=pause)

    assert looks == [0.5] * 3
    assert status.ended == 3
    said = capsys.readouterr().out
    assert said.count("running 3 (step 4)") == 1  # nothing was written in between
    assert "no driver works there now" in said


def test_a_sweep_that_only_starts_is_waited_for(tmp_path):
    folder = tmp_path / "sweep"
    folder.mkdir()

    def pause(_):
        if not (folder / "sweep.json").exists():
            swept(folder, made_spec(), [("COMPLETE", 6)])
        else:
            (folder / ".lock").unlink()

    with driven(folder):
        assert watch(folder, every_s=1, pause=pause).ended == 1


def test_ctrl_c_stops_watching(folder):
    with driven(folder):
        watching = subprocess.Popen(
            [str(PARETUNE), "status", str(folder), "--watch", "0.1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert "3 of 6 trials ended" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=60)

    assert watching.returncode == 130
    assert said.strip() == "paretune: no longer watching; the sweep goes on by itself"


def test_a_terminal_shows_tables(folder):
    master, slave = pty.openpty()
    with driven(folder):
        watching = subprocess.Popen(
            [str(PARETUNE), "status", str(folder), "--watch", "0.1"],
            stdout=slave,
            stderr=slave,
            env={**environment(), "TERM": "xterm", "COLUMNS": "160", "LINES": "50"},
        )
        os.close(slave)
        shown = b""
        while b"front and baseline" not in shown:
            shown += os.read(master, 4096)
    watching.wait(timeout=60)
    os.close(master)

    assert watching.returncode == 0
    assert b"not ended" in shown and b"grounding.miou" in shown


@pytest.mark.parametrize("words", [["--watch", "0"], ["--watch", "x"], ["--watch", "--json"]])
def test_a_wrong_watch_is_refused(folder, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["status", str(folder), *words])

    assert ended.value.code == 2
    assert "--watch" in capsys.readouterr().err
