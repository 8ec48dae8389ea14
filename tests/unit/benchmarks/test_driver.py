import driver
import pytest
from bulk_sweep import make_sweep
from driver_loop import ASK, COMPANION, END, GO_ON, JUDGE, PARQUET, STUDY, measure, start
from made_search import made_spec
from stopwatch import Stopwatch

from results import read_sweep

STEPS = 3


class Clock:
    """Every look at it takes a second."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 1
        return self.now


class Worker:
    def outer(self):
        return self.inner() + 1

    def inner(self):
        return 1


def test_the_outermost_call_of_a_label_counts_and_methods_are_given_back():
    watch, own = Stopwatch(Clock()), dict(vars(Worker))
    with watch.watching([(Worker, "outer", "work"), (Worker, "inner", "work")]):
        assert Worker().outer() == 2
    assert watch.took_s == {"work": [1]}
    assert dict(vars(Worker)) == own


def test_a_sweep_that_was_made_at_once_is_gone_on_with_like_any_other(tmp_path):
    spec = made_spec(trials=9, pruner="none")
    make_sweep(spec, tmp_path, ended=5)
    tables = read_sweep(tmp_path)
    assert (len(tables.trials), len(tables.reports), len(tables.decisions)) == (5, 5 * STEPS, 5 * STEPS)
    hub = start(spec, tmp_path)
    assert (hub.ended, hub.completed) == (5, 5)
    assert hub.ask().number == 5


def test_every_call_of_the_last_trials_is_counted(tmp_path):
    spec = made_spec(trials=8, concurrency=1, pruner="none")
    make_sweep(spec, tmp_path, ended=4)
    found = measure(spec, tmp_path, 7)
    assert found.trials == 7
    counts = {label: len(took) for label, took in found.latencies_s.items()}
    assert {label: counts[label] for label in (ASK, GO_ON, END, JUDGE)} == {ASK: 3, GO_ON: 6, END: 3, JUDGE: 6}
    assert counts[PARQUET] == 3 * (2 * STEPS + 2)
    assert counts[STUDY] > 0
    assert counts[COMPANION] == 3 * (STEPS + 2)
    assert len(read_sweep(tmp_path).trials) == 7
    assert found.parts == 8


def test_the_command_prints_a_column_for_each_size(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(driver, "_elsewhere", lambda call, *args, **settings: call(*args, **settings))
    driver.main(["--trials", "2", "3", "--ray-trials", "0", "--place", str(tmp_path)])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert rows[0] == "| after trials | 2 | 3 |"
    assert len(rows) == 2 + len(driver.LINES)
    assert not list(tmp_path.iterdir())


@pytest.mark.ray
@pytest.mark.slow
def test_both_runs_in_ray_end_and_only_ours_keeps_a_record(tmp_path):
    from ray_saving import saving

    mine, stock = saving(made_spec(trials=4, concurrency=1, pruner="none"), tmp_path)
    assert (mine.trials, stock.trials) == (4, 4)
    assert mine.ours_s > 0
    assert stock.ours_s == 0
    assert stock.ray_s > 0
