"""``paretune confirm`` on a sweep of two trials: interrupted, taken up, complete, and refused."""

from __future__ import annotations

import json
import math
import shutil
import signal

import pandas as pd
import pytest
from command import paretune, start_paretune, wait_until
from searched import CONFIRMED_SWEEP, begun, searched

from results import read_items, read_predictions, read_sweep
from search.cli import main
from search.confirm_plan import read_plan
from search.status import status_of
from spaces import METRICS

pytestmark = pytest.mark.ray

OBJECTIVES = ("grounding.miou", "text.token_f1")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    searched(folder)
    return folder


@pytest.fixture
def folder(sweep, tmp_path):
    return shutil.copytree(sweep, tmp_path / "sweep")


def finished(folder, split):
    rows = read_sweep(folder).confirmations
    return set(rows.loc[(rows["split"] == split) & (rows["state"] == "COMPLETE"), "run"])


def check_confirmed(folder):
    """Check that every run has one row for each split, and answers to all of its items that add up to its scores."""
    plan, tables, items = read_plan(folder), read_sweep(folder), read_items(folder)
    rows = tables.confirmations
    assert sorted(zip(rows["run"], rows["split"], strict=True)) == sorted(
        (run.run, split) for run in plan.runs for split in ("confirm", "test")
    )
    assert dict(zip(rows["run"], rows["seed"], strict=True)) == {run.run: run.seed for run in plan.runs}
    assert not set(rows["seed"]) & set(tables.trials["seed"])
    answers = pd.read_parquet(folder / "predictions")  # as others read it, repetitions included
    answers = answers.loc[answers["run"].notna()]
    assert not answers.duplicated(["run", "split", "item"]).any()
    for row in rows.to_dict("records"):
        own = answers.loc[(answers["run"] == row["run"]) & (answers["split"] == row["split"])]
        assert set(own["trial"]) == {row["trial"]}
        assert set(own["item"]) == set(items.loc[items["split"] == row["split"], "item"])
        for metric in set(METRICS) - {"text.bleu", "text.chrf", "text.vqa_accuracy"}:
            score, weight = own[f"score.{metric}"].sum(), own[f"weight.{metric}"].sum()
            ratio = score / weight if weight else math.nan
            ratio = math.exp(ratio) if metric == "text.perplexity" else ratio
            assert ratio == pytest.approx(row[f"metric.{metric}"], abs=1e-9, nan_ok=True), metric


def test_a_sweep_is_confirmed_once_whatever_comes_between(folder, tmp_path):
    log = tmp_path / "log"
    process = start_paretune(["confirm", folder, "--seeds", "3"], cwd=tmp_path, log=log)
    wait_until(lambda: finished(folder, "confirm"), process, log)
    status = status_of(folder)
    assert not status.is_running and status.seconds_left is None and status.confirming is not None
    assert (status.confirming.split, status.confirming.runs) == ("confirm", len(read_plan(folder).runs))
    assert f"paretune confirm works there now: {status.confirming.done} of" in status.lines()[-1]
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == 130, log.read_text()
    assert f"go on by: paretune confirm {folder}" in log.read_text()
    frozen, before = read_plan(folder), finished(folder, "confirm")
    assert before and frozen.test_opened is None and not finished(folder, "test")

    done = paretune("confirm", folder, "--json", cwd=tmp_path, timeout_s=600)
    assert done.returncode == 0, done.stderr
    check_confirmed(folder)
    found = json.loads(done.stdout)
    assert read_plan(folder).runs == frozen.runs and found["complete"] and found["test_opened"]
    assert [setting["trial"] for setting in found["settings"]] == list(frozen.trials)
    for setting in found["settings"]:
        for split in ("confirm", "test"):
            runs = [run for run in setting["runs"] if run["split"] == split]
            assert len(runs) == 3
            for metric in OBJECTIVES:
                mean = sum(run[metric] for run in runs) / 3
                assert setting[split][metric]["mean"] == pytest.approx(mean)
                assert setting[split][metric]["runs"] == 3
    assert not list((folder / "confirm").glob("*.pt"))
    assert found["report"] == str(folder / "report" / "report.html")
    assert "Trained again in 3 runs" in (folder / "report" / "report.md").read_text()

    rows, parts = len(read_sweep(folder).confirmations), sorted((folder / "predictions").iterdir())
    again = paretune("confirm", folder, cwd=tmp_path)
    assert again.returncode == 0
    assert "complete already, so nothing was done; the split test was opened on" in again.stderr
    assert f"trial {frozen.trials[0]} (baseline" in again.stdout and "(3 seeds)" in again.stdout
    assert len(read_sweep(folder).confirmations) == rows and sorted((folder / "predictions").iterdir()) == parts


def refusal(*words, capsys):
    assert main(["confirm", *map(str, words)]) == 2
    return capsys.readouterr().err


def test_a_frozen_list_is_not_exchanged_for_another(folder, capsys):
    from datetime import UTC, datetime

    from search.confirm_plan import make_plan, write_plan
    from search.sweep_spec import spec_of

    now = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    plan = make_plan(folder, spec_of(folder), read_sweep(folder), seeds=3, asked=[0], now=now)
    write_plan(folder, plan.model_copy(update={"test_opened": now}))
    said = refusal(folder, "--trials", "1", capsys=capsys)
    assert "frozen since 2026-05-01 12:30, and the test split was opened for it on 2026-05-01 12:30" in said
    assert "it holds the trials 0" in said
    assert "with 3 seeds for each setting" in refusal(folder, "--seeds", "5", capsys=capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "1"], "--seeds must be at least 3"),
        (["--trials", "7"], "--trials: the sweep has no ended trial 7; completed trials are 0, 1"),
        (["--concurrency", "0"], "--concurrency must be at least 1; got 0"),
        (["--address", "nonsense"], "--address"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(folder, words, said, capsys):
    assert said in refusal(folder, *words, capsys=capsys)
    assert not (folder / "confirm.json").exists() and not len(read_sweep(folder).confirmations)


def without(split, folder):
    """Give a sweep whose data keep no row back for a split."""
    begun(folder, text=CONFIRMED_SWEEP.replace(f"{split}_share: 0.2", f"{split}_share: 0"))
    return folder


def test_a_sweep_without_rows_to_confirm_on_is_refused(tmp_path, capsys):
    said = refusal(without("confirm", tmp_path / "sweep"), capsys=capsys)
    assert (
        "data: the split confirm has no row (data.confirm_share is 0)" in said and "data.confirm_share above 0" in said
    )


def test_a_test_split_without_rows_can_not_be_asked_for(tmp_path, capsys):
    said = refusal(without("test", tmp_path / "sweep"), "--test", capsys=capsys)
    assert "data: the split test has no row (data.test_share is 0)" in said


def test_a_sweep_in_which_nothing_has_completed_is_refused(tmp_path, capsys):
    begun(tmp_path / "sweep")
    assert "no trial has completed" in refusal(tmp_path / "sweep", capsys=capsys)


def test_data_that_changed_since_are_refused(folder, capsys):
    path = folder / "sweep.json"
    content = json.loads(path.read_text())
    content["metadata"]["data_hash"] = "another"
    path.write_text(json.dumps(content))
    assert "rows were added, removed or changed" in refusal(folder, capsys=capsys)


def test_a_folder_that_is_no_sweep_is_refused(tmp_path, capsys):
    assert "is no sweep" in refusal(tmp_path, capsys=capsys)


def test_answers_are_read_by_split(sweep):
    assert set(read_predictions(sweep)["split"]) == {"search"}
