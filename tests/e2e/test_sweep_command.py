"""One small sweep by the command, looked at from every side."""

import json
import os
import pty
import re
import subprocess

import duckdb
import pandas as pd
import pytest
from command import PARETUNE, environment, paretune, write_sweep
from swept import check_sweep, study_trials

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    home = tmp_path_factory.mktemp("swept")
    write_sweep(home)
    done = paretune("sweep", "sweep.yaml", "--out", "out", "--set", "search.trials=5", cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "out", done


def test_the_record_holds_exactly_the_trials_of_the_study(swept):
    check_sweep(swept[0], trials=5)


def test_it_prints_the_front_and_the_path_of_the_report(swept):
    folder, done = swept
    path = re.search(r"report: (\S+)", done.stdout)
    assert path and (folder.parent / path[1]).read_text().startswith("<!DOCTYPE html>")
    assert "baseline" in done.stdout
    assert "grounding.miou" in done.stdout


def test_a_log_file_gets_plain_lines(swept):
    assert "\x1b" not in swept[1].stdout
    assert re.search(r"trial 0 starts \(plain baseline\)", swept[1].stdout)
    scores = r"grounding\.miou \d\.\d{3} \(constant box \d\.\d{3}\), text\.token_f1 \d\.\d{3}"
    assert re.search(rf"trial 0 step 1: {scores}", swept[1].stdout)


def test_pandas_reads_reports_with_losses_and_weights(swept):
    reports = pd.read_parquet(swept[0] / "reports")
    assert set(reports["weight.text_ce"]) == {1.0}
    assert (reports["loss.text_ce"] > 0).all()
    assert reports["metric.grounding.constant_box_miou"].notna().all()
    assert (reports["metric.teacher_forced.box_ce"] > 0).all()


def test_a_terminal_gets_a_bar_below_the_lines(swept):
    folder, _ = swept
    words = [str(PARETUNE), "resume", str(folder)]
    terminal, inside = pty.openpty()
    process = subprocess.Popen(words, cwd=folder, env=environment(), stdout=inside, stderr=inside, stdin=inside)
    os.close(inside)
    seen = b""
    while True:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
    assert process.wait() == 0
    assert b"5/5" in seen and b"\x1b[" in seen


def test_the_baseline_is_marked_and_its_mixture_is_plain(swept):
    row = duckdb.sql(
        f"""SELECT role, "param.mixture.box_ce.weight", "param.mixture.giou.on", "param.optimizer.learning_rate"
            FROM '{swept[0]}/trials/*.parquet' WHERE trial = 0"""
    ).fetchall()[0]
    assert row == ("baseline", 1.0, False, 0.001)


def test_lineage_is_in_every_part(swept):
    metadata = dict(
        duckdb.sql(
            f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{swept[0]}/trials/*.parquet')"
        ).fetchall()
    )
    assert metadata["paretune.version.torch"].startswith("2.")
    assert len(metadata["paretune.data_hash"]) == 64
    assert json.loads(metadata["paretune.spec"])["search"]["trials"] == 5


def test_status_says_that_all_trials_ended(swept):
    done = paretune("status", swept[0], cwd=swept[0])
    assert done.returncode == 0
    assert done.stdout.startswith("5 of 5 trials ended: ")


def test_report_writes_the_page_again(swept):
    folder, _ = swept
    page = folder / "report" / "report.html"
    page.unlink()
    done = paretune("report", folder, cwd=folder)
    assert (done.returncode, page.exists()) == (0, True)


def test_resuming_a_finished_sweep_changes_nothing(swept):
    folder, _ = swept
    before = study_trials(folder)
    done = paretune("resume", folder, cwd=folder.parent)
    assert (done.returncode, study_trials(folder)) == (0, before)


def test_a_folder_with_a_sweep_is_refused(swept):
    folder, _ = swept
    done = paretune("sweep", "sweep.yaml", "--out", "out", cwd=folder.parent)
    assert done.returncode == 2
    assert "go on with it by 'paretune resume out'" in done.stderr
