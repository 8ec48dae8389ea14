"""The recipes of examples/cluster, executed as far as one machine without SLURM and Kubernetes can."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command import environment, wait_until, write_sweep
from job_server import free_ports, job_server, make_environment
from nightly import NIGHTLY
from swept import check_sweep, recorded_trials

pytestmark = [pytest.mark.ray, pytest.mark.slow, NIGHTLY]

CLUSTER = Path(__file__).parents[2] / "examples" / "cluster"

SRUN = """\
#!/bin/bash
# runs a command here, as often as there are tasks; ended, it ends them, as SLURM does with a step
n=1
while [[ $1 == -* ]]; do
    case $1 in --ntasks=*) n=${1#*=} ;; esac
    shift
done
for ((i = 0; i < n; i++)); do "$@" & done
trap 'kill $(jobs -p)' TERM
wait
wait
"""
SCONTROL = """\
#!/bin/bash
if [[ $1 == show ]]; then printf '%s\\n' node1 node2; else echo "$@" >> scontrol.log; fi
"""


@pytest.fixture
def slurm(tmp_path):
    """Give the environment of a job on two nodes; both are this machine."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    (port,) = free_ports(1)
    job = {"SLURM_JOB_ID": str(port - 20000), "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_CPUS_PER_TASK": "1"}
    kept = {name: value for name, value in environment().items() if not name.startswith("RAY_")}
    return kept | job | {"PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}"}


def start_job(slurm, folder):
    with (folder / "slurm.log").open("ab") as out:
        return subprocess.Popen(
            ["bash", str(CLUSTER / "slurm.sh"), "sweep.yaml", str(folder / "out")],
            cwd=folder,
            env=slurm,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def test_a_slurm_job_that_runs_out_of_time_requeues_itself_and_goes_on(tmp_path, slurm):
    write_sweep(tmp_path)
    log = tmp_path / "slurm.log"
    job = start_job(slurm, tmp_path)
    try:
        wait_until(lambda: re.search(r"trial \d+ step 1", log.read_text()), job, log)
        job.send_signal(signal.SIGTERM)  # to the batch shell alone, as --signal=B:TERM@300 does
        assert job.wait(240) == 130, log.read_text()
    finally:
        job.kill()
        job.wait()
    assert "interrupted by SIGTERM; what was measured is kept" in log.read_text()
    assert (tmp_path / "scontrol.log").read_text() == f"requeue {slurm['SLURM_JOB_ID']}\n"
    assert not Path(f"/tmp/ray-{slurm['SLURM_JOB_ID']}").exists()
    again = start_job(slurm, tmp_path)
    try:
        assert again.wait(400) == 0, log.read_text()
    finally:
        again.kill()
        again.wait()
    check_sweep(tmp_path / "out", trials=4)
    assert {state for _, state in recorded_trials(tmp_path / "out")} <= {"COMPLETE", "PRUNED"}
    assert (tmp_path / "scontrol.log").read_text().count("requeue") == 1
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs")
    commands = make_environment(folder / "environment")
    with job_server(commands, folder / "head.log") as user:

        def submit(*words):
            command = [str(commands / "ray"), "job", "submit", *map(str, words)]
            return subprocess.run(command, env=user, capture_output=True, text=True, timeout=500, check=False)

        yield submit


def test_a_submitted_job_runs_a_sweep_and_submitted_again_goes_on(tmp_path, jobs):
    """The entrypoint of the RayJob, with our folders in place of its volumes; the second time with a working folder."""
    *_, job = yaml.safe_load_all((CLUSTER / "rayjob.yaml").read_text())
    home = tmp_path / "home"
    home.mkdir()
    write_sweep(home, name="sweep.yaml")
    entrypoint = job["spec"]["entrypoint"].replace("/sweeps", str(tmp_path)).replace("/config", str(home))
    done = jobs("--", "sh", "-c", entrypoint.replace("--set", "--set search.trials=3 --set"))
    assert done.returncode == 0, done.stdout + done.stderr
    check_sweep(tmp_path / "my-sweep", trials=3)
    again = jobs("--working-dir", home, "--", "sh", "-c", entrypoint)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "trial 0 starts" not in again.stdout
    check_sweep(tmp_path / "my-sweep", trials=3)


def test_a_job_whose_sweep_file_is_wrong_fails_with_the_message(tmp_path, jobs):
    write_sweep(tmp_path, "objectives: [grounding.miou]\n")
    done = jobs("--", "paretune", "sweep", tmp_path / "sweep.yaml", "--out", tmp_path / "out")
    assert done.returncode != 0
    assert "objectives" in done.stdout and "exit code 2" in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()
