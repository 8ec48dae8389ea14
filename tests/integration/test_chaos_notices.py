"""What the chaos harness must notice, and what it must let pass."""

from collections import Counter
from dataclasses import replace

import duckdb
import pandas as pd
import pytest
from chaos_journal import work_of
from chaos_outcome import Outcome, check_same
from chaos_plan import plan_of
from chaos_reader import Readings, read_table


def handed(trial=0, from_step=0, recorded=None, has_checkpoint=True):
    recorded = from_step if recorded is None else recorded
    return {
        "event": "handed",
        "trial": trial,
        "from_step": from_step,
        "recorded": recorded,
        "has_checkpoint": has_checkpoint,
    }


def trains(*steps, trial=0):
    return [{"event": "trains", "trial": trial, "step": step} for step in steps]


def reports(step, trial=0):
    return {"event": "write", "name": "append_report", "about": {"trial": trial, "attempt": 0, "step": step}}


def work(*events):
    return work_of(events, report_steps=(2, 4, 6))


def test_steps_since_the_last_report_may_be_trained_again_and_are_counted():
    done = work(handed(), *trains(1, 2), reports(2), *trains(3, 4), handed(from_step=2), *trains(3, 4), reports(4))
    assert not done.faults
    assert (done.trained, done.repeated, done.interruptions, done.most_repeated, done.adopted) == (6, 2, 1, 2, 1)


def test_a_trial_that_goes_on_from_a_checkpoint_after_its_last_record_repeats_nothing():
    done = work(handed(), *trains(1, 2), reports(2), *trains(3, 4), handed(from_step=2), reports(4), *trains(5))
    assert (done.faults, done.repeated, done.interruptions) == ([], 0, 0)


@pytest.mark.parametrize(
    ("events", "fault"),
    [
        ([handed(), *trains(1, 2), reports(2), handed(from_step=2), *trains(1)], "trains step 1 again, 2 is recorded"),
        ([handed(), *trains(1, 2, 3, 4), handed(), *trains(1)], "goes back from step 4 to 1"),
        ([handed(), *trains(1, 3)], "jumps from step 1 to 3"),
        ([handed(), *trains(1, 2), reports(2), handed(from_step=0)], "not from what is recorded"),
        ([handed(), *trains(1, 2), reports(2), handed(from_step=0, recorded=2)], "not from what is recorded"),
        ([handed(from_step=2, has_checkpoint=False)], "without a checkpoint"),
        ([handed(), *trains(1, 2), reports(2), reports(2)], "reported step 2 again"),
    ],
    ids=["recorded work", "two reports", "gap", "lost report", "ignored report", "no checkpoint", "report twice"],
)
def test_work_that_must_not_be_done_is_a_fault(events, fault):
    assert any(fault in found for found in work(*events).faults), work(*events).faults


def test_trials_are_told_apart():
    done = work(handed(), *trains(1, 2), handed(trial=1), *trains(1, 2, trial=1))
    assert (done.faults, done.repeated) == ([], 0)


def write(folder, rows, name="part-00000"):
    folder.mkdir(exist_ok=True)
    values = ", ".join(f"({trial}, {score}::DOUBLE)" for trial, score in rows)
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {values}) AS t(trial, score)) TO '{folder}/{name}.parquet'")


def read(folder, *changes):
    """Read a table after each of some changes to it."""
    readings, seen, connection = Readings(), set(), duckdb.connect()
    for change in changes:
        change()
        read_table(folder, connection, readings, seen)
    return readings


def test_a_table_that_grows_is_read_without_a_fault(tmp_path):
    folder = tmp_path / "reports"
    found = read(
        folder,
        lambda: None,
        lambda: write(folder, [(0, 0.5)]),
        lambda: write(folder, [(0, 0.5), (1, 0.25)]),
        lambda: write(folder, [(2, 0.5)], name="part-00001"),
    )
    assert found == Readings(count=3, grown=3, faults=[])


@pytest.mark.parametrize(
    ("rows", "fault"),
    [([(0, 0.5)], "1 of 2 rows are gone"), ([(0, 0.5), (1, 0.75)], "1 of 2 rows are gone"), ([(0, 0.5)] * 3, "twice")],
    ids=["lost", "changed", "doubled"],
)
def test_a_row_that_is_lost_changed_or_doubled_is_a_fault(tmp_path, rows, fault):
    folder = tmp_path / "reports"
    found = read(folder, lambda: write(folder, [(0, 0.5), (1, 0.25)]), lambda: write(folder, rows))
    assert any(fault in each for each in found.faults), found


@pytest.mark.parametrize("content", [b"PAR1", None], ids=["half a part", "no part"])
def test_a_table_that_cannot_be_read_is_a_fault(tmp_path, content):
    folder = tmp_path / "reports"
    part = folder / "part-00000.parquet"
    found = read(
        folder,
        lambda: write(folder, [(0, 0.5)]),
        lambda: part.unlink() if content is None else part.write_bytes(content),
    )
    assert found.count == 1
    assert len(found.faults) == 1


def outcome():
    rows = pd.DataFrame({"trial": [0, 1], "metric.text.token_f1": [0.1, float("nan")]})
    return Outcome(rows, rows.copy(), rows.copy(), [(0, "COMPLETE", [0.1], {}, {})], {0: ("COMPLETE", {2: 0.1})})


def test_equal_sweeps_are_the_same():
    check_same(outcome(), outcome())


@pytest.mark.parametrize("table", ["trials", "decisions", "reports"])
def test_a_difference_in_the_last_bit_is_noticed(table):
    rows = getattr(outcome(), table)
    rows.loc[0, "metric.text.token_f1"] = 0.1 + 2**-56
    with pytest.raises(AssertionError, match=table):
        check_same(outcome(), replace(outcome(), **{table: rows}))


@pytest.mark.parametrize(
    "other",
    [{"study": [(0, "PRUNED", None, {}, {})]}, {"curves": {0: ("COMPLETE", {2: 0.2})}}],
    ids=["study", "curves"],
)
def test_another_study_is_noticed(other):
    with pytest.raises(AssertionError):
        check_same(outcome(), replace(outcome(), **other))


def test_a_nightly_run_kills_each_as_often_as_asked_and_every_run_all_kinds():
    assert Counter(plan_of(450, seed=1)) == {"write": 100, "instant": 100, "worker": 200, "both": 50}
    assert Counter(plan_of(8, seed=1)) == {"write": 2, "instant": 2, "worker": 3, "both": 1}
