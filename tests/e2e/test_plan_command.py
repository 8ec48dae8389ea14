"""Plans, what is watched of a real sweep while it runs, and results as JSON."""

import json
import subprocess
import sys

import pytest
from command import environment, paretune, start_paretune, write_sweep

from results import open_sweep

HEAVY = ("torch", "transformers", "ray", "optuna", "peft")


def test_a_plan_imports_nothing_heavy(tmp_path, examples):
    script = (
        "import sys\nfrom search.cli import main\n"
        f"code = main(['plan', {str(examples / 'shapes.yaml')!r}])\n"
        f"print(code, sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"
    assert "trials: 16, 2 at a time" in done.stdout


def test_a_faulty_file_is_refused_as_by_every_command(tmp_path):
    write_sweep(tmp_path, "model: tiny\n")
    done = paretune("plan", "sweep.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "data" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_without_a_sweep_is_refused(tmp_path):
    write_sweep(tmp_path)
    done = paretune("plan", "sweep.yaml", "--like", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere is no sweep" in done.stderr


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Run a sweep with --json, and watch it."""
    home = tmp_path_factory.mktemp("swept")
    write_sweep(home)
    more = ["--set", "search.trials=5", "--set", "search.pruner=none", "--json"]
    with (home / "out.json").open("w") as out, (home / "err.log").open("w") as err:
        command = [sys.executable, "-m", "search.cli", "sweep", "sweep.yaml", "--out", "sweeps/a", *more]
        sweep = subprocess.Popen(command, cwd=home, env=environment(), stdout=out, stderr=err)
        while not (home / "sweeps" / "a" / "sweep.json").exists() and sweep.poll() is None:
            pass
        watching = start_paretune(["status", "sweeps/a", "--watch", "0.2"], cwd=home, log=home / "watch.log")
        assert sweep.wait(timeout=300) == 0, (home / "err.log").read_text()
        assert watching.wait(timeout=60) == 0, (home / "watch.log").read_text()
    return home


@pytest.mark.ray
def test_a_sweep_gives_its_result_as_json_and_its_progress_on_stderr(swept):
    result = json.loads((swept / "out.json").read_text())

    assert result["states"] == {"COMPLETE": 5, "PRUNED": 0, "FAIL": 0}
    assert (swept / result["report"]).exists()
    assert 0 in [one["trial"] for one in result["front"]]
    assert "trial 0 starts (plain baseline)" in (swept / "err.log").read_text()


@pytest.mark.ray
def test_whoever_watches_sees_it_grow_until_it_ends(swept):
    lines = (swept / "watch.log").read_text().splitlines()

    assert lines[-2].startswith("5 of 5 trials ended: 5 COMPLETE") or "5 of 5 trials ended" in "\n".join(lines[-3:])
    assert len({line.split(" of ")[0] for line in lines if " of 5 trials ended" in line}) > 1
    assert not [line for line in lines if "Traceback" in line]


@pytest.mark.ray
def test_a_finished_sweep_of_equal_settings_is_found_and_calibrates(swept):
    more = ["--set", "search.pruner=none"]
    done = paretune("plan", "sweep.yaml", *more, "--set", "search.trials=50", "--json", cwd=swept)
    plan = json.loads(done.stdout)
    result = json.loads((swept / "out.json").read_text())

    assert plan["calibrated"] and "sweeps/a" in plan["calibration"]["words"]
    assert plan["differs_in"] == [] and plan["saved_share"] == 0
    assert plan["rows"]["is_exact"]
    assert plan["expected"]["seconds"] > 0 and result["ended"] == 5


@pytest.mark.ray
def test_of_other_settings_what_differs_is_said(swept):
    done = paretune("plan", "sweep.yaml", "--like", "sweeps/a", "--set", "trial.batch=2", cwd=swept)

    assert done.returncode == 0, done.stderr
    assert "with another trial.batch and search.pruner" in done.stdout


@pytest.mark.ray
def test_a_request_is_answered_as_json(swept):
    done = paretune("trial", "pin", "sweeps/a", "0", "--json", cwd=swept)

    assert json.loads(done.stdout)["request"] == "pin"


@pytest.mark.ray
def test_a_real_sweep_shows_in_a_notebook(swept):
    assert "data:image/svg+xml;base64," in open_sweep(swept / "sweeps" / "a")._repr_html_()


@pytest.mark.ray
def test_a_measurement_is_kept_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_sweep(tmp_path)
    alone = ["--set", "search.concurrency=1"]
    done = paretune("plan", "sweep.yaml", *alone, "--measure", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "measured trial 4 of 4: COMPLETE" in done.stderr
    assert not (tmp_path / "sweeps").exists()

    plan = json.loads(paretune("plan", "sweep.yaml", *alone, "--json", cwd=tmp_path).stdout)
    assert plan["calibration"]["origin"] == "measured"
    assert plan["low"]["seconds"] < plan["expected"]["seconds"] < plan["high"]["seconds"]
    assert plan["disk_bytes"]["low"]["checkpoints"] > 0


def test_check_gives_its_findings_as_json(tmp_path):
    write_sweep(tmp_path)
    done = paretune("check", "sweep.yaml", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)

    assert found["rows"]["search"]["grounding"] > 0 and found["refused"] == []
    assert (tmp_path / found["files"]["page"]).exists()


def test_the_doctor_names_every_ill_at_once(tmp_path, monkeypatch):
    """Of one file: a model without weights, an objective without rows, a cluster that does not answer; and no token."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    turns = [[{"role": "user", "content": f"say {n}"}, {"role": "assistant", "content": str(n)}] for n in range(20)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"messages": turn}) + "\n" for turn in turns))
    write_sweep(
        tmp_path,
        "model: ./base\ndata: {sources: [{source: rows, path: rows.jsonl}]}\n"
        "objectives: [grounding.miou, text.token_f1]\n"
        "trial: {steps: 4}\nspace: {adapter: {rank: {choice: [2, 4]}}}\nsearch: {address: '127.0.0.1:1'}\n",
    )
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "nothing"))
    done = paretune("doctor", "sweep.yaml", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    ills = {one["name"].split(" (")[0]: one["found"] for one in found["findings"] if one["state"] == "problem"}

    assert done.returncode == 2, done.stderr
    assert {"base", "data", "cluster", "Ray", "Ray's token"} <= set(ills)
    assert found["counts"]["problem"] == sum(one["state"] == "problem" for one in found["findings"])
    assert any("grounding.miou does not apply" in one["found"] for one in found["findings"])


def test_the_doctor_finds_no_problem_where_there_is_none(tmp_path):
    write_sweep(tmp_path)
    done = paretune("doctor", "sweep.yaml", cwd=tmp_path)

    assert done.returncode == 0, done.stdout
    assert "0 problems" in done.stdout
