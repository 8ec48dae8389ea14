"""Our import names are common words: a user's own files of these names must not reach a worker."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from command import environment, paretune, write_sweep
from swept import check_sweep

BOOM = "raise RuntimeError('a file of the user was imported')\n"


@pytest.mark.ray
def test_a_users_files_of_our_names_reach_no_worker(tmp_path):
    write_sweep(tmp_path)
    for name in ("search.py", "trainable.py", "spaces.py"):
        (tmp_path / name).write_text(BOOM)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "__init__.py").write_text(BOOM)
    done = paretune("sweep", "sweep.yaml", "--out", "out", "--set", "search.trials=2", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    check_sweep(tmp_path / "out", trials=2)


@pytest.mark.parametrize("name", ["trainable", "spaces", "results"])
def test_a_folder_that_shadows_us_is_named_at_start(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    script = (
        "import sys\n"
        f"sys.path.append({str(Path(__file__).parents[2])!r})\n"
        "import search.cli\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "sys.exit(search.cli.main(['status', 'x']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"the import name {name!r} belongs to {tmp_path / name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_distribution_with_one_of_our_names_is_named(tmp_path):
    rival = Path(sysconfig.get_paths()["purelib"]) / "paretune_test_rival-1.0.dist-info"
    rival.mkdir()
    try:
        (rival / "METADATA").write_text("Metadata-Version: 2.1\nName: paretune-test-rival\nVersion: 1.0\n")
        (rival / "RECORD").write_text("results/__init__.py,,\n")
        done = paretune("status", "x", cwd=tmp_path)
    finally:
        for file in rival.iterdir():
            file.unlink()
        rival.rmdir()
    assert done.returncode == 2
    assert "the distribution 'paretune-test-rival' installs 'results' as well" in done.stderr
