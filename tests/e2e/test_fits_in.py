"""One small sweep, looked at with the tools that people have: the recipes of docs/analysis.md, Optuna's dashboard,
TensorBoard and MLflow."""

import contextlib
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import duckdb
import numpy as np
import pytest
from command import environment, paretune
from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from results import read_items, read_predictions, read_sweep
from results.summary import summarise
from search.study import open_studies

pytestmark = pytest.mark.ray

PAGE = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text()

SHORT = {
    "data.sources.0.scenes": 24,
    "data.search_share": 0.4,
    "trial": "{steps: 3, rungs: [1, 2], batch: 4, rung_rows: 8, eval_batch: 8, max_new_tokens: 24}",
    "space.optimizer.learning_rate": "{choice: [1e-3, 4e-3, 0.3]}",  # the last one ruins an adapter at its first step
    "search.trials": 6,
    "search.concurrency": 1,
    "search.sampler": "random",
    "search.pruner": "{name: median_all, warmup_trials: 3, audit_share: 0}",
    "search.loggers": "[tensorboard, mlflow]",
}
STATES = {0: "COMPLETE", 1: "COMPLETE", 2: "COMPLETE", 3: "PRUNED", 4: "PRUNED", 5: "COMPLETE"}


def blocks(language):
    """Give the code of every block under the heading above it."""
    heading, found = "", {}
    for part in re.split(r"^(#+ .*)$", PAGE, flags=re.MULTILINE):
        if part.startswith("#"):
            heading = part.lstrip("# ")
        for code in re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL):
            assert heading not in found, f"two blocks of {language} under {heading!r}"
            found[heading] = code
    return found


SQL, PYTHON = blocks("sql"), blocks("python")


@pytest.fixture(scope="module")
def home(tmp_path_factory, examples):
    """Give a folder with a sweep of examples/loggers.yaml, shortened, and a copy of it."""
    folder = tmp_path_factory.mktemp("home")
    words = [part for key, value in SHORT.items() for part in ("--set", f"{key}={value}")]
    done = paretune("sweep", examples / "loggers.yaml", "--out", "my-sweep", *words, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    shutil.copytree(folder / "my-sweep", folder / "other-sweep")
    return folder


@pytest.fixture
def sweep(home, monkeypatch):
    monkeypatch.chdir(home)
    return home / "my-sweep"


@pytest.fixture
def tables(sweep):
    return read_sweep(sweep)


def run(code):
    """Run a block as its own program; gives what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "docs/analysis.md", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def test_trials_were_completed_and_stopped(tables):
    assert dict(zip(tables.trials["trial"], tables.trials["state"], strict=True)) == STATES


@pytest.mark.parametrize("heading", SQL)
def test_every_query_of_the_page_runs_and_finds_something(heading, sweep):
    rows = duckdb.sql(SQL[heading]).fetchall()
    assert rows or heading == "How far is a sweep that runs?"


@pytest.mark.parametrize("heading", PYTHON)
def test_every_program_of_the_page_runs_and_prints_something(heading, sweep):
    assert run(PYTHON[heading]).strip()


def test_the_front_in_sql_is_the_front_of_the_report(sweep, tables):
    front = {row[0] for row in duckdb.sql(SQL["Which trials does no other beat in both objectives?"]).fetchall()}
    assert front == {trial.trial for trial in summarise(tables).front}


def test_the_hypervolume_of_the_page_is_that_of_the_report(sweep, tables):
    printed = run(PYTHON["How large is the hypervolume, and how did it grow?"])
    assert float(printed.split()[-1]) == pytest.approx(summarise(tables).hypervolumes[-1], abs=1e-6)


def test_the_shares_of_the_terms_add_up_to_one_for_every_trial(sweep):
    heading = "With what weight did each term train, and how much of the loss was it?"
    shares = re.split(r"\n\n", run(PYTHON[heading]))[1].strip().splitlines()[2:]
    assert len(shares) == len(STATES)
    for line in shares:
        assert np.nansum([float(cell) for cell in line.split()[1:]]) == pytest.approx(1, abs=1e-4)


def test_steps_saved_are_those_that_the_stopped_trials_had_left(sweep, tables):
    stopped = tables.trials.loc[tables.trials["state"] == "PRUNED", "steps"]
    row = duckdb.sql(SQL["How many steps did stopping save?"]).fetchall()[0]
    assert row[:2] == (len(stopped), int((3 - stopped).sum()))


def test_scores_added_up_from_single_answers_are_those_of_the_record(sweep, tables):
    rows = duckdb.sql(SQL["What is each trial good at?"]).df()
    answers, items = read_predictions(sweep), read_items(sweep)
    assert set(rows["kind"]) == set(items.loc[items["split"] == "search", "kind"])
    for trial in (0, 1, 2, 5):
        own = answers.loc[answers["trial"] == trial]
        mean = own["score.grounding.miou"].sum() / own["weight.grounding.miou"].sum()
        recorded = tables.trials.set_index("trial").loc[trial, "value.grounding.miou"]
        assert mean == pytest.approx(recorded, abs=1e-9)


def test_examples_on_which_two_trials_differ_are_sorted_by_how_much(sweep):
    rows = duckdb.sql(SQL["On which examples do two trials differ most?"]).df()
    gaps = rows["gain"].abs().to_list()
    assert gaps == sorted(gaps, reverse=True)


def test_the_interval_of_a_trial_against_itself_is_nothing(sweep):
    code = PYTHON["Is the difference of two trials more than luck of the examples?"]
    assert "+0.000, 95 % of the draws in [+0.000, +0.000]" in run(
        code.replace("= 0, 1,", "= 0, 0,").replace("[FIRST, SECOND]]", "[0, 0]]")
    )


def test_two_sweeps_that_are_equal_have_equal_fronts(sweep):
    printed = run(PYTHON["Which of two sweeps has the better front?"])
    sizes = re.findall(r"hypervolume ([\d.]+)", printed)
    assert len(sizes) == 3 and len(set(sizes)) == 1


@pytest.fixture(scope="module")
def dashboard(home):
    """Start Optuna's dashboard on the study, as a user does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = Path(sys.executable).with_name("optuna-dashboard")
    words = [command, "--host", "127.0.0.1", "--port", str(port), "sqlite:///my-sweep/study.db"]
    log = home / "dashboard.log"
    with log.open("w") as out:
        process = subprocess.Popen(words, cwd=home, env=environment(), stdout=out, stderr=out)

    def ask(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return json.load(answer)

    try:
        end = time.monotonic() + 120
        while True:
            try:
                ask("/api/studies")
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.2)
        yield ask
    finally:
        process.terminate()
        process.wait(30)


def studies_of(ask):
    return {study["study_name"]: study for study in ask("/api/studies")["study_summaries"]}


def test_optunas_dashboard_shows_the_states_and_the_final_scores(dashboard, sweep, tables):
    summary = studies_of(dashboard)["paretune"]
    assert summary["directions"] == ["maximize", "maximize"]
    study = dashboard(f"/api/studies/{summary['study_id']}?after=0")
    words = {"COMPLETE": "Complete", "PRUNED": "Pruned"}
    assert {trial["number"]: trial["state"] for trial in study["trials"]} == {
        number: words[state] for number, state in STATES.items()
    }
    values = tables.trials.set_index("trial")[["value.grounding.miou", "value.text.token_f1"]]
    for trial in study["trials"]:
        if trial["state"] == "Complete":
            assert trial["values"] == values.loc[trial["number"]].to_list()
    assert {trial["number"] for trial in study["best_trials"]} == {trial.trial for trial in summarise(tables).front}
    drawn = {param["name"] for trial in study["trials"] for param in trial["params"]}
    assert drawn == {"adapter.rank", "optimizer.learning_rate", "mixture.box_ce.weight", "mixture.ntl_was.on"}


def test_optunas_dashboard_shows_the_curves_in_the_companion_study(dashboard, sweep, tables):
    study = dashboard(f"/api/studies/{studies_of(dashboard)['paretune/scalar']['study_id']}?after=0")
    assert study["has_intermediate_values"]
    curves = {
        trial["number"]: [(point["step"], point["value"]) for point in trial["intermediate_values"]]
        for trial in study["trials"]
    }
    scores = tables.reports[["metric.grounding.miou", "metric.text.token_f1"]].mean(axis=1)
    for number, curve in curves.items():
        own = tables.reports["trial"] == number
        expected = list(zip(tables.reports.loc[own, "step"], scores[own], strict=True))
        assert curve == [(step, pytest.approx(value)) for step, value in expected]
    states = {trial["number"]: trial["state"] for trial in study["trials"]}
    assert {number for number, state in states.items() if state == "Pruned"} == {3, 4}


def test_a_dashboard_leaves_the_study_as_it_was(dashboard, sweep, tables):
    dashboard("/api/studies")
    study = open_studies(sweep, storage=None, directions=["maximize", "maximize"]).main
    assert {trial.number: trial.state.name for trial in study.get_trials()} == STATES


def test_tensorboard_shows_the_curves_of_the_record(sweep, tables):
    for trial in STATES:
        events = EventAccumulator(str(sweep / "tensorboard" / f"trial-{trial:05d}"))
        events.Reload()
        own = tables.reports.loc[tables.reports["trial"] == trial]
        for tag, column in (
            ("metric/grounding.miou", "metric.grounding.miou"),
            ("loss/box_ce", "loss.box_ce"),
            ("weight/box_ce", "weight.box_ce"),
        ):
            shown = {one.step: one.value for one in events.Scalars(tag)}
            assert shown == pytest.approx(dict(zip(own["step"], own[column], strict=True)), rel=1e-6)


def test_mlflow_shows_the_curves_of_the_record_and_how_trials_ended(sweep, tables):
    client = MlflowClient(f"sqlite:///{sweep}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("my-sweep").experiment_id])
    status = {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}
    assert {run.info.run_name: run.info.status for run in runs} == {
        f"trial-{number:05d}": status[state] for number, state in STATES.items()
    }
    for run in runs:
        number = int(run.data.params["number"])
        own = tables.reports.loc[tables.reports["trial"] == number].set_index("step")
        history = client.get_metric_history(run.info.run_id, "weighted/box_ce")
        assert {one.step: one.value for one in history} == pytest.approx(own["weighted.box_ce"].to_dict(), abs=1e-9)
        row = tables.trials.set_index("trial").loc[number]
        assert float(run.data.params["optimizer.learning_rate"]) == row["param.optimizer.learning_rate"]
        assert run.data.tags["paretune.reason"] == row["reason"]
    assert not (sweep.parent / "mlruns").exists()


def test_no_logger_writes_outside_the_folder_of_the_sweep(home):
    assert {path.name for path in home.iterdir()} <= {"my-sweep", "other-sweep", "dashboard.log"}
