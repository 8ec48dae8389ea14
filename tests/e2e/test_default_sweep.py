"""What ``make sweep`` runs, as it is."""

import re

import duckdb
import pytest
from command import paretune
from nightly import NIGHTLY
from swept import recorded_trials, study_trials

pytestmark = [pytest.mark.ray, pytest.mark.slow, NIGHTLY]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, examples):
    home = tmp_path_factory.mktemp("default")
    done = paretune("sweep", examples / "shapes.yaml", "--out", "out", cwd=home, timeout_s=580)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^report: out/report/report.html$", done.stdout, re.MULTILINE)
    return home / "out"


def test_all_trials_end_and_of_sixteen_some_are_pruned(folder):
    trials = recorded_trials(folder)
    assert len(trials) == 16
    assert trials == study_trials(folder)
    assert {state for _, state in trials} == {"COMPLETE", "PRUNED"}


def test_the_baseline_learns_more_than_a_constant_box(folder):
    miou, constant, failures = duckdb.sql(
        f"""SELECT "metric.grounding.miou", "metric.grounding.constant_box_miou",
                   "metric.grounding.parse_failure_rate"
            FROM '{folder}/reports/*.parquet' WHERE trial = 0 ORDER BY step DESC LIMIT 1"""
    ).fetchall()[0]
    assert miou > constant + 0.2
    assert failures < 0.1


def test_fine_tuning_improves_both_objectives_from_the_first_rung_to_the_last_step(folder):
    first, last = duckdb.sql(
        f"""SELECT "metric.teacher_forced.text_ce" + "metric.teacher_forced.box_ce"
            FROM '{folder}/reports/*.parquet' WHERE trial = 0 AND step IN (
                SELECT unnest([min(step), max(step)]) FROM '{folder}/reports/*.parquet' WHERE trial = 0)
            ORDER BY step"""
    ).fetchall()
    assert last[0] < first[0]


def test_the_search_finds_trials_that_beat_the_baseline(folder):
    better = duckdb.sql(
        f"""SELECT count(*) FROM '{folder}/trials/*.parquet' AS t, '{folder}/trials/*.parquet' AS b
            WHERE b.trial = 0 AND t.state = 'COMPLETE' AND (
                t."value.grounding.miou" > b."value.grounding.miou"
                OR t."value.text.token_f1" > b."value.text.token_f1")"""
    ).fetchall()[0][0]
    assert better >= 1
