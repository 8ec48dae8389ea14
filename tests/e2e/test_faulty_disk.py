"""The command on a disk that fills up, and in a folder with planted pickles."""

import pickle
import subprocess
from pathlib import Path

import duckdb
import pytest
import torch
from command import paretune, start_paretune, write_sweep
from mounts import fill, remount, small_disk
from nightly import NIGHTLY
from swept import check_sweep

pytestmark = pytest.mark.ray


def test_a_sweep_on_a_disk_that_fills_up_says_so_once_and_is_resumed_to_its_end(tmp_path):
    write_sweep(tmp_path)
    with small_disk(tmp_path / "disk", size_kib=1400) as disk:  # the study takes most of it
        done = paretune("sweep", "sweep.yaml", "--out", "disk/out", cwd=tmp_path)
        assert done.returncode == 1, done.stdout + done.stderr
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("paretune: can't write "), done.stderr
        assert lines[0].endswith("; free some space and go on by: paretune resume disk/out")
        recorded = duckdb.sql(f"SELECT count(*) FROM '{disk}/out/reports/*.parquet'").fetchall()[0][0]
        filler = fill(disk)
        again = paretune("resume", "disk/out", cwd=tmp_path)
        assert (again.returncode, len(again.stderr.strip().splitlines())) == (1, 1), again.stderr
        assert again.stderr.endswith("go on by: paretune resume disk/out\n"), again.stderr
        filler.unlink()
        remount(disk, "size=64m")
        done = paretune("resume", "disk/out", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        check_sweep(disk / "out", trials=4)
        assert recorded <= duckdb.sql(f"SELECT count(*) FROM '{disk}/out/reports/*.parquet'").fetchall()[0][0]


def test_a_report_that_does_not_fit_is_named(tmp_path):
    write_sweep(tmp_path)
    with small_disk(tmp_path / "disk", size_kib=65536) as disk:
        words = ("--set", "search.trials=1", "--set", "trial.rungs=[]", "--set", "search.pruner=none")
        done = paretune("sweep", "sweep.yaml", "--out", "disk/out", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        fill(disk)
        done = paretune("report", "disk/out", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.strip() == (
            "paretune: can't write disk/out: No space left on device; free some space and go on by: "
            "paretune report disk/out"
        )


class Planted:
    """Leaves a mark when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


@NIGHTLY
def test_nothing_in_a_folder_is_unpickled(tmp_path):
    """The sweep is killed; then every plausible name holds a pickle, the checkpoints of running trials too."""
    write_sweep(tmp_path)
    log, out, marker = tmp_path / "log", tmp_path / "out", tmp_path / "ran"
    process = start_paretune(["sweep", "sweep.yaml", "--out", "out"], cwd=tmp_path, log=log)
    while process.poll() is None and " step 1: " not in log.read_text():
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    bare = pickle.dumps(Planted(marker))
    for folder in (out, out / "checkpoints", out / "report", out / "trials", out / "requests", out / "sweep"):
        folder.mkdir(exist_ok=True)
        for name in (
            "tuner.pkl",
            "trainable.pkl",
            "study.pkl",
            "sampler.pkl",
            "optimizer.pt",
            "searcher-state-2026.pkl",
            "search_gen_state-2026.json",
            "experiment_state-2026.json",
            "params.pkl",
            "checkpoint.pkl",
        ):
            (folder / name).write_bytes(bare)
    for number in range(4):
        torch.save(
            {"attempt": 0, "report": {}, "trial": Planted(marker)}, out / "checkpoints" / f"trial-{number:05d}.pt"
        )
    (out / "requests" / "1.json").write_bytes(bare)
    done = paretune("resume", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    check_sweep(out, trials=4)
    assert not marker.exists()
    pickle.loads(bare)
    assert marker.exists(), "the pickles do what they are to do"
