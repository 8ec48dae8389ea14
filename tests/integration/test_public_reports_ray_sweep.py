"""Reports to Ray's developers, held against one real sweep that is stopped, killed and resumed.

Its driver gets SIGINT; the next one SIGKILL, and all files that Ray wrote are emptied; the third one is started as
``uv run`` starts a program, and finishes the sweep. Files of our import names lie where it is started.
"""

import itertools
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from chaos_processes import MARK, Driver
from command import PARETUNE, environment, start_paretune, write_sweep
from swept import check_sweep, study_trials

from results import read_sweep
from results.schema import TABLES
from search.requests import Request, RequestFiles

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc"),
]

TRIALS = 9
BOOM = "raise RuntimeError('a file of the user was imported')\n"


@dataclass(frozen=True)
class Started:
    """A driver by its process."""

    process: subprocess.Popen

    @property
    def pid(self):
        return self.process.pid

    def ending(self):
        return self.process.wait()


@dataclass
class Run:
    """What was seen of one driver.

    ``workers`` are the processes that ran trials; ``scratch`` the folders of Ray's own files, and ``files`` those that
    were left in them, with the times of their last write; ``checkpoints`` the listings of their folder.
    """

    code: int = 0
    log: str = ""
    left: list[str] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)
    scratch: set[str] = field(default_factory=set)
    files: dict[str, float] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    reports: pd.DataFrame = field(default_factory=pd.DataFrame)
    checkpoints: set[frozenset[str]] = field(default_factory=set)


@dataclass
class Story:
    """A sweep of three runs in one folder."""

    home: Path
    temporary: Path
    runs: list[Run] = field(default_factory=list)

    @property
    def folder(self):
        return self.home / "out"

    def live(self, process, log, *, until="", act=lambda process: None):
        """Watch a driver to its end; act once its log matches."""
        run, known = Run(), len(self.runs) and len(read_sweep(self.folder).reports)
        driver, is_due = Driver(Started(process), str(self.home)), bool(until)
        try:
            for turn in itertools.count():
                if driver.has_ended(0.03):
                    break
                if is_due and re.search(until, log.read_text(errors="replace")):
                    act(process)
                    is_due = False
                self._look(run, driver, log, at_processes=turn % 8 == 0)  # which reads all of /proc
            run.code, run.log = driver.ending(), log.read_text()
        finally:
            driver.kill()
            _, run.left = driver.clear(patience_s=30 if run.code in (0, 130) else 3)
        for scratch in self.temporary.glob("paretune-*/ray"):
            run.files |= {
                str(path.relative_to(scratch)): path.stat().st_mtime for path in scratch.rglob("*") if path.is_file()
            }
        run.reports = read_sweep(self.folder).reports.iloc[known:]
        run.states = dict(study_trials(self.folder))
        assert not is_due, f"it did not come to {until}:\n{run.log}"
        self.runs.append(run)

    def _look(self, run, driver, log, *, at_processes):
        if not self.runs and not run.workers and "trial 0 starts" in log.read_text(errors="replace"):
            RequestFiles(self.folder).submit(Request(kind="stop", trial=0))  # long before its first report
        if at_processes:
            run.workers |= set(driver.workers())
        run.scratch |= {path.name for path in self.temporary.glob("paretune-*")}
        with suppress(OSError):
            run.checkpoints.add(frozenset(path.name for path in (self.folder / "checkpoints").iterdir()))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    temporary = Path(tempfile.mkdtemp(prefix="pt", dir="/tmp"))  # the paths of Ray's sockets must be short
    write_sweep(home)
    for name in ("search.py", "trainable.py", "spaces.py", "results.py"):
        (home / name).write_text(BOOM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, str(home))
        patch.setenv("TMPDIR", str(temporary))
        patch.setenv("RAY_prestart_worker_first_driver", "0")
        try:
            yield told(Story(home, temporary))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def told(story):
    """Run the sweep three times."""
    log = story.home / "log"
    settings = ["--set", f"search.trials={TRIALS}", "--set", "search.pruner=none"]
    story.live(
        start_paretune(["sweep", "sweep.yaml", "--out", "out", *settings], cwd=story.home, log=log),
        log,
        until="trial 2 step 1:",
        act=lambda process: process.send_signal(signal.SIGINT),
    )
    log = story.home / "log-of-the-second"
    killed = start_paretune(["resume", "out"], cwd=story.home, log=log)
    story.live(killed, log, until=r"trial [5-8] step 1:", act=subprocess.Popen.kill)
    for path in story.temporary.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    log = story.home / "log-of-the-third"
    with log.open("ab") as out:
        story.live(as_uv_runs(story.home, [str(PARETUNE), "resume", "out"], stdout=out, stderr=out), log)
    return story


def as_uv_runs(home, words, **streams):
    """Start a command below a process that is called as ``uv run`` is, beside a project file."""
    (home / "pyproject.toml").write_text("[project]\nname = 'users'\nversion = '1'\n")
    (home / "run").write_text('"$@"\nexit $?\n')
    return subprocess.Popen(
        ["uv", "run", *words], executable="/bin/bash", cwd=home, env=environment(), start_new_session=True, **streams
    )


def check_workers(run):
    """Two serve all trials; a third if one had no trial left while the other started: Ray gives it the other's trial.

    The other one is then ended before it ran anything, and a new one is started for the next trial.
    """
    assert 2 <= len(run.workers) <= 3


OURS = r"trial-\d{5}\.pt|\.trial-\d{5}\.pt\.part|\.lock"
"""A trial's checkpoint has one name, whatever its step."""


def test_ray_58179_a_sweep_goes_on_although_every_state_file_of_ray_is_empty(story):
    """EOFError on tuner.pkl: https://github.com/ray-project/ray/issues/58179."""
    killed, last = story.runs[1:]
    assert killed.code == -signal.SIGKILL
    assert "sweep/tuner.pkl" in killed.files, "the kill must have left what Ray would resume from"
    assert (last.code, "Traceback" in last.log) == (0, False)
    check_sweep(story.folder, trials=TRIALS)


def test_ray_35812_every_run_has_a_folder_of_its_own_for_the_state_of_ray(story):
    """A second run overwrites tuner.pkl: https://github.com/ray-project/ray/issues/35812."""
    first, second, third = (run.scratch for run in story.runs)
    assert (len(first), len(second), len(third - second)) == (1, 1, 1)
    assert first != second
    assert {path.name for path in story.temporary.glob("paretune-*")} == second, "what a kill leaves stays as it is"


def test_ray_30584_trials_that_run_when_a_sweep_is_stopped_are_taken_up_again(story):
    """Nothing is left to restore after fail_fast: https://github.com/ray-project/ray/issues/30584."""
    before, after = story.runs[0], pd.concat([run.reports for run in story.runs[1:]])
    suspended = {number for number, state in before.states.items() if state == "RUNNING"}
    assert suspended
    for number in suspended:
        known, new = (list(reports.loc[reports["trial"] == number, "step"]) for reports in (before.reports, after))
        assert known + new == [1, 2, 3, 4], "it must go on after its last report"
        assert story.runs[2].states[number] == "COMPLETE"


def test_ray_40484_a_sweep_is_resumed_without_any_file_of_ray(story):
    """FileNotFoundError on params.json at restore: https://github.com/ray-project/ray/issues/40484."""
    assert not story.runs[0].files, "the first run must have left nothing of Ray's"
    assert len(story.runs[1].reports) > 4
    ours = {"sweep.json", "study.db", "study.db-wal", "study.db-shm", *TABLES}
    ours |= {"report", "checkpoints", "requests", ".lock"}
    assert {path.name for path in story.folder.iterdir()} <= ours


def test_ray_11233_ray_saves_no_state_while_trials_report(story):
    """Saving the experiment's state dominates: https://github.com/ray-project/ray/issues/11233."""
    killed = story.runs[1]
    first = killed.reports["recorded"].min().timestamp()
    assert len(killed.reports) > 4
    assert max(killed.files.values()) < first


def test_ray_7718_ray_keeps_no_log_of_results(story):
    """Logging and saving take most of the time of short trials: https://github.com/ray-project/ray/issues/7718."""
    logs = ("result.json", "progress.csv", "params.", "events.out")
    assert not [name for name in story.runs[1].files if name.rpartition("/")[2].startswith(logs)]


def test_ray_31613_a_new_checkpoint_makes_ray_save_nothing(story):
    """num_to_keep=1 forces a save with every checkpoint: https://github.com/ray-project/ray/issues/31613."""
    killed = story.runs[1]
    first = killed.reports["recorded"].min().timestamp()
    assert len(killed.checkpoints) > 1, "the run must have written checkpoints"
    assert not [name for name, written in killed.files.items() if written > first]


def test_ray_28966_a_trial_has_at_most_one_checkpoint_and_ray_knows_of_none(story):
    """Metadata of checkpoints pile up: https://github.com/ray-project/ray/issues/28966."""
    listings = [names for run in story.runs for names in run.checkpoints]
    assert max(map(len, listings)) > 1
    assert not [name for names in listings for name in names if not re.fullmatch(OURS, name)]
    assert not [name for name in story.runs[1].files if "checkpoint_" in name]


def test_ray_29268_a_worker_takes_the_next_trial_after_one_that_was_stopped(story):
    """Reused actors fail with 'reset_config': https://github.com/ray-project/ray/issues/29268."""
    first, second = story.runs[:2]
    assert first.states[0] == "PRUNED" and "trial 2 step 1" in first.log
    assert len(set(second.reports["trial"])) > 3
    check_workers(second)
    assert "reset_config" not in first.log
    assert set(read_sweep(story.folder).decisions["verdict"]) <= {"CONTINUE", "STOP", "SUSPEND"}


def test_ray_27103_there_are_as_many_workers_as_trials_at_a_time_whatever_their_number(story):
    """Memory of the head node is not freed: https://github.com/ray-project/ray/issues/27103."""
    trials = len(set(story.runs[2].reports["trial"]))
    assert trials > 2
    check_workers(story.runs[2])
    assert (story.runs[2].code, story.runs[2].left) == (0, [])


def test_ray_12337_no_process_is_left_after_an_interruption(story):
    """Zombies after Ctrl-C: https://github.com/ray-project/ray/issues/12337."""
    first = story.runs[0]
    assert (first.code, first.left) == (130, [])
    assert first.workers, "there must have been workers that could be left"


def test_ray_43182_workers_import_our_packages_and_not_the_users_files_of_these_names(story):
    """Workers import local files first: https://github.com/ray-project/ray/issues/43182."""
    assert (story.home / "search.py").read_text() == BOOM
    assert all(len(run.reports) for run in story.runs)
    assert not [run for run in story.runs if "a file of the user" in run.log]
    assert "FAIL" not in story.runs[2].states.values()


def test_ray_63770_a_searcher_of_ones_own_keeps_all_workers_busy(story):
    """Trials of a custom searcher run one after another: https://github.com/ray-project/ray/issues/63770."""
    trials = read_sweep(story.folder).trials
    times = [*trials[["started", "ended"]].itertuples(index=False)]
    overlapping = [
        one
        for one, other in itertools.pairwise(sorted(times))
        if other.started < one.ended and one.started < other.ended
    ]
    assert len(overlapping) >= TRIALS // 2


def test_ray_50961_and_ray_55898_a_sweep_below_uv_run_uses_the_installed_packages(story):
    """Uploads, and installs anew.

    https://github.com/ray-project/ray/issues/50961 and https://github.com/ray-project/ray/issues/55898.
    """
    hook = (
        "from ray._private.runtime_env.uv_runtime_env_hook import hook\n"
        f"print(hook({{'working_dir': {str(story.home)!r}}})['py_executable'])"
    )
    words = [sys.executable, "-c", hook]
    control = as_uv_runs(story.home, words, stdout=subprocess.PIPE, text=True)
    assert control.communicate()[0].startswith("uv run"), "Ray must take the third run for one below 'uv run'"
    assert story.runs[2].code == 0
    check_workers(story.runs[2])
