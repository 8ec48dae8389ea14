from dataclasses import replace

import pytest
from made_search import made_spec
from made_sweep import MIOU, TEXT, baseline, complete, failed, make_sweep, pruned

from results import read_sweep
from search.replay import replay_moasha
from search.spec import SweepSpec

SPEC = SweepSpec.model_validate({**made_spec().model_dump(), "trial": {"steps": 40, "rungs": (10, 20)}})


def with_rung(tables, trial, step, *values):
    """Give the same record, with other scores of one report."""
    reports = tables.reports.copy()
    at = (reports["trial"] == trial) & (reports["step"] == step)
    reports.loc[at, [f"metric.{MIOU}", f"metric.{TEXT}"]] = values
    return replace(tables, reports=reports)


def test_a_front_member_that_was_weak_at_the_first_rung_would_have_been_stopped(tmp_path):
    trials = [baseline(0.2, 0.2), complete(0.3, 0.3), complete(0.4, 0.4), complete(0.5, 0.5), complete(0.9, 0.9)]
    tables = read_sweep(make_sweep(tmp_path, trials))
    assert replay_moasha(tables, SPEC).stopped == ()
    late = replay_moasha(with_rung(tables, 4, 10, 0.0, 0.0), SPEC)
    assert (late.stopped, late.front, late.share) == ((4,), 1, 1.0)


def test_nothing_is_stopped_before_the_warm_up_has_finished(tmp_path):
    tables = read_sweep(make_sweep(tmp_path, [baseline(0.2, 0.2), complete(0.9, 0.9)]))
    late = replay_moasha(with_rung(tables, 1, 10, 0.0, 0.0), SPEC)
    assert late.stopped == ()


def test_pruned_and_failed_trials_are_competition_too(tmp_path):
    trials = [baseline(0.2, 0.2), complete(0.3, 0.3), pruned(10, 0.4, 0.4), failed(), complete(0.9, 0.9)]
    tables = read_sweep(make_sweep(tmp_path, trials))
    found = replay_moasha(with_rung(tables, 4, 10, 0.01, 0.01), SPEC)
    assert (found.stopped, found.replayed) == ((4,), 5)


@pytest.mark.parametrize("trials", [[], [failed()], [pruned(10, 0.1, 0.1)]])
def test_without_a_front_there_is_nothing_to_tell(tmp_path, trials):
    assert replay_moasha(read_sweep(make_sweep(tmp_path, trials)), SPEC) == "no trial has completed"
