import itertools

import pytest
from made_search import start_hub

from results import read_sweep
from search.landscapes import OBJECTIVES, MadeLandscape, space_of
from search.simulator import completed, simulate
from search.spec import SweepSpec

LANDSCAPE = MadeLandscape("mixed")
TRAINING_S = 2400.0  # 24 steps of 100 s


def spec_of(**search):
    return SweepSpec.model_validate(
        {
            "data": {"sources": [{"source": "shapes", "scenes": 8}]},
            "objectives": OBJECTIVES,
            "trial": {"steps": 24, "rungs": (3, 6, 12, 18)},
            "space": space_of("mixed"),
            "search": {"trials": 4, "concurrency": 2, "sampler": "random", "pruner": "none", **search},
        }
    )


def no_time():
    return 0.0


def test_two_workers_take_half_the_time_for_the_same_work():
    record = simulate(spec_of(), LANDSCAPE.reports, timer=no_time)
    assert (record.clock_s, record.spent_s, record.reports) == (2 * TRAINING_S, 4 * TRAINING_S, 20)
    assert [each.config.number for each in completed(record)] == [0, 1, 2, 3]
    assert [each.spent_s for each in record.endings][1::2] == [2 * TRAINING_S, 4 * TRAINING_S]


def test_a_worker_waits_for_as_long_as_the_sampler_takes():
    ticks = itertools.count(0, 5)
    record = simulate(spec_of(concurrency=1), LANDSCAPE.reports, timer=lambda: float(next(ticks)))
    assert (record.clock_s, record.spent_s) == (4 * (TRAINING_S + 5), 4 * (TRAINING_S + 5))


def test_once_the_budget_is_spent_running_trials_are_left_as_they_are():
    record = simulate(spec_of(), LANDSCAPE.reports, budget_s=3 * TRAINING_S, timer=no_time)
    assert [each.config.number for each in completed(record)] == [0, 1]
    assert {decision.verdict for decision in record.decisions if decision.number == 2} == {"CONTINUE", "SUSPEND"}


@pytest.mark.parametrize("pruner", ["eod", {"name": "optuna", "stock": "median"}])
def test_a_simulated_sweep_decides_as_a_recorded_one(tmp_path, pruner):
    spec = spec_of(trials=16, concurrency=1, pruner=pruner)
    simulated = simulate(spec, LANDSCAPE.reports, timer=no_time)
    hub = start_hub(spec, tmp_path)
    while config := hub.ask():
        for report in LANDSCAPE.reports(config):
            if hub.report(config.number, report).verdict != "CONTINUE":
                break
    rows = read_sweep(tmp_path).decisions[["trial", "step", "verdict", "reason"]].itertuples(index=False, name=None)
    assert [(d.number, d.step, d.verdict, d.reason) for d in simulated.decisions] == list(rows)
    assert any(each.ending.state == "PRUNED" for each in simulated.endings)
