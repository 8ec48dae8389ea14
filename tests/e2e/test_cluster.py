"""A sweep on a cluster of several nodes: where trials run, what a lost node costs, which nodes are refused."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from command import TINY_SWEEP, environment, paretune, start_paretune, wait_until, write_sweep
from nightly import NIGHTLY
from processes import below
from ray_cluster import RayCluster
from swept import check_sweep, recorded_trials

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not Path("/proc").exists(), reason="finds worker processes through /proc"),
]

HALF = "--set=trial.resources={cpus: 0.5, gpus: 0.5, custom: {rack: 1}}"


@pytest.fixture
def cluster():
    with RayCluster() as made:
        yield made


def trials_on(node):
    return [pid for pid, line in below(node.raylet).items() if "RayTrial" in line or "Trainable" in line]


@pytest.mark.slow
def test_halves_of_a_gpu_and_a_named_resource_place_trials_and_a_lost_node_costs_none(tmp_path, cluster):
    head = cluster.add(num_cpus=1)
    first = cluster.add(num_cpus=1, num_gpus=1, resources={"rack": 2})
    other = cluster.add(num_cpus=4, num_gpus=1)
    write_sweep(tmp_path)
    log = tmp_path / "log"
    words = ["sweep", "sweep.yaml", "--out", "out", HALF, "--set", f"search.address={cluster.address}"]
    words += ["--set", "search.retries=0", "--set", "trial.accumulation=60"]  # steps long enough to lose a node in one
    process = start_paretune(words, cwd=tmp_path, log=log)
    try:
        wait_until(lambda: re.search(r"trial 1 step 1", log.read_text()), process, log)
        assert (len(trials_on(first)), len(trials_on(other)), len(trials_on(head))) == (2, 0, 0)
        os.kill(first.raylet, signal.SIGKILL)
        second = cluster.add(num_cpus=1, num_gpus=1, resources={"rack": 2})
        wait_until(lambda: trials_on(second), process, log)
        assert process.wait(300) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    check_sweep(tmp_path / "out", trials=4)
    assert {state for _, state in recorded_trials(tmp_path / "out")} <= {"COMPLETE", "PRUNED"}
    reports = duckdb.sql(
        f"SELECT trial, attempt, step, count(*) FROM '{tmp_path}/out/reports/*.parquet' GROUP BY ALL"
    ).fetchall()
    assert {(attempt, count) for _, attempt, _, count in reports} == {(0, 1)}
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
@NIGHTLY
def test_a_cluster_whose_head_is_gone_ends_the_sweep_with_one_message(tmp_path, cluster):
    cluster.add(num_cpus=2)
    write_sweep(tmp_path)
    log = tmp_path / "log"
    words = ["sweep", "sweep.yaml", "--out", "out", "--set", f"search.address={cluster.address}"]
    words += ["--set", "trial.steps=100000", "--set", "trial.rungs=[1]"]
    process = start_paretune(words, cwd=tmp_path, log=log)
    try:
        wait_until(lambda: re.search(r"trial \d+ step 1", log.read_text()), process, log)
        os.kill(cluster.head, signal.SIGKILL)
        assert process.wait(55) == 1, log.read_text()
    finally:
        process.kill()
        process.wait()
    text = log.read_text()
    assert f"paretune: the head of the Ray cluster at {cluster.address} has not answered for" in text
    assert "go on by: paretune resume out" in text
    assert "Traceback" not in text and " FAIL " not in text


ABSENT = """\
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("search", "trainable", "spaces", "results"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""

OLDER = """\
import importlib.metadata

installed = importlib.metadata.version
importlib.metadata.version = lambda name: {"paretune": "0.0.9", "peft": "0.1.0"}.get(name) or installed(name)
"""


def python_that(folder, code):
    """Give the environment of a node whose Python first runs some code."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def node_without(folder, address, log):
    """Start a node in a mount namespace of its own, in which a folder is empty."""
    ray = Path(sys.executable).with_name("ray")
    start = f"mount -t tmpfs none {folder} && exec {ray} start --address={address} --num-cpus=1 --block"
    with log.open("w") as out:
        return subprocess.Popen(["unshare", "-m", "sh", "-c", start], env=environment(), stdout=out, stderr=out)


def can_unshare():
    if not shutil.which("unshare"):
        return False
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    return tried.returncode == 0


@NIGHTLY
def test_all_nodes_that_cannot_run_trials_are_named_at_once_before_anything_starts(tmp_path, cluster):
    cluster.add(num_cpus=1)
    absent = cluster.add(num_cpus=1, env_vars=python_that(tmp_path / "absent", ABSENT))
    older = cluster.add(num_cpus=1, env_vars=python_that(tmp_path / "older", OLDER))
    work = tmp_path / "work"
    work.mkdir()
    write_sweep(work, TINY_SWEEP.replace("trials: 4", f"trials: 4\n  address: {cluster.address}"))
    done = paretune("sweep", "sweep.yaml", "--out", "out", cwd=work)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    first, *rest = sorted(done.stderr.strip().removeprefix("paretune: ").splitlines())
    lines = [first, *rest]
    assert len(lines) == 3
    assert sum(absent.id[:8] in line for line in lines) == 1
    assert any(re.search(rf"{absent.id[:8]}\): paretune is not installed; install paretune", line) for line in lines)
    assert any(re.search(rf"{older.id[:8]}\): paretune is 0.0.9, here it is", line) for line in lines)
    assert any(re.search(rf"{older.id[:8]}\): peft is 0.1.0, here it is", line) for line in lines)
    assert not (work / "out" / "sweep.json").exists()
    assert not list((work / "out").glob(".probe*"))


@NIGHTLY
@pytest.mark.skipif(not can_unshare(), reason="can't make a mount namespace, for which root is needed")
def test_a_node_that_does_not_see_the_sweeps_folder_or_the_data_is_named(tmp_path, cluster):
    cluster.add(num_cpus=1)
    work = tmp_path / "work"
    work.mkdir()
    (work / "dataset_info.json").write_text('{"chat": {"file_name": "chat.json"}}')
    rows = ",".join(f'{{"instruction": "Say {i}", "input": "", "output": "{i}"}}' for i in range(10))
    (work / "chat.json").write_text(f"[{rows}]")
    sources = "{source: shapes, domain: shifted, scenes: 12}\n    - {source: llamafactory, folder: ., dataset: chat}"
    write_sweep(work, TINY_SWEEP.replace("{source: shapes, domain: shifted, scenes: 12}", sources))
    blind = node_without(work, cluster.address, tmp_path / "node.log")
    try:
        done, end = None, time.monotonic() + 120
        while time.monotonic() < end and "Ray runtime started" not in (tmp_path / "node.log").read_text():
            assert blind.poll() is None, (tmp_path / "node.log").read_text()
            time.sleep(0.1)
        address = f"search.address={cluster.address}"
        done = paretune("sweep", "sweep.yaml", "--out", "out", "--set", address, cwd=work)
    finally:
        blind.terminate()
        blind.wait(60)
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(rf"it does not see the sweep's folder {work}/out; choose one on a file system", done.stderr)
    assert f"data.sources.1.folder: {work} is not there" not in done.stderr  # the empty folder itself is there
    assert "Traceback" not in done.stderr


@NIGHTLY
def test_a_cluster_without_room_for_one_trial_is_refused_with_what_its_nodes_offer(tmp_path, cluster):
    node = cluster.add(num_cpus=1)
    write_sweep(tmp_path)
    address = f"search.address={cluster.address}"
    done = paretune("sweep", "sweep.yaml", "--out", "out", "--set", address, HALF, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no node can hold one trial, which takes 0.5 CPU, 0.5 GPU, 1 rack (trial.resources): " in done.stderr
    assert f"{node.id[:8]}) offers 1 CPU, 0 GPU, 0 rack; lower trial.resources" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_where_no_cluster_is_is_named(tmp_path):
    write_sweep(tmp_path)
    done = paretune("sweep", "sweep.yaml", "--out", "out", "--set", "search.address=127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "no Ray cluster can be joined at '127.0.0.1:9' from this machine" in done.stderr
    assert "Traceback" not in done.stderr
