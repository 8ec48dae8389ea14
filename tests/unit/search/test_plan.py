"""Forecasts against hand calculations and simulations."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from made_search import made_spec

from results.pareto import nondominated
from search.plan import Disk, assumed_saving, disk, forecast, trial_seconds
from search.planning.costs import STUDY_BYTES, Costs, RecordBytes, expected_front

NOW = datetime(2026, 3, 1, 22, 0)
COSTS = Costs(
    origin="measured",
    trials=4,
    step_s=1,
    rung_s=2,
    final_s=3,
    trial_s=1,
    worker_s=4,
    before_s=6,
    after_s=2,
    checkpoint_bytes=100,
    record=RecordBytes(trial=10, report=20, decision=5, prediction=3, study=7),
)
"""By hand, for trials of ten steps with a rung at step 5: 1 + 10 · 1 + 2 + 3 = 16 seconds a trial."""


def spec_of(*, gpus=0.0, pack=1, rungs=(5,), **search):
    spec = made_spec(**{"trials": 4, "concurrency": 2, **search})
    trial = spec.trial.model_copy(
        update={
            "steps": 10,
            "rungs": rungs,
            "pack": pack,
            "resources": spec.trial.resources.model_copy(update={"gpus": gpus}),
        }
    )
    return spec.model_copy(update={"trial": trial})


def played(spec, *, saved_share=0.0, workers=2, costs=COSTS):
    return forecast(spec, costs, saved_share=saved_share, now=NOW, workers=workers)


def test_two_rounds_of_two_trials_take_two_trials_time():
    found = played(spec_of())

    assert found.seconds == 6 + 4 + 2 * 16 + 2
    assert found.end == NOW + timedelta(seconds=44)
    assert (found.ended, found.left, found.limit) == (4, 0, "")
    assert found.trial_seconds == 4 * 16 + 2 * 4
    assert found.core_hours == pytest.approx(72 / 3600)
    assert found.gpu_hours == 0


def test_an_odd_trial_takes_a_round_of_its_own():
    assert played(spec_of(trials=5)).seconds == 6 + 4 + 3 * 16 + 2


def test_what_a_pruner_saves_is_saved_of_steps_and_reports_but_not_of_what_a_trial_takes_beside_them():
    assert trial_seconds(spec_of(), COSTS, saved_share=0.5) == 1 + 0.5 * 15


def test_fewer_trials_than_workers_start_fewer_workers():
    found = played(spec_of(trials=1, concurrency=8), workers=8)

    assert found.seconds == 6 + 4 + 16 + 2
    assert found.trial_seconds == 16 + 4


def test_a_time_limit_suspends_what_runs_at_its_next_report():
    """The first two trials end at 26 s, two start then, and their reports are at most 5 · 1 + 2 = 7 s apart."""
    found = played(spec_of(time_limit=30))

    assert (found.ended, found.left, found.limit) == (2, 2, "search.time_limit")
    assert found.seconds == 30 + 7 / 2 + 2
    assert found.trial_seconds == 2 * 4 + 2 * 16 + 2 * 7.5


def test_a_limit_that_no_trial_reaches_changes_nothing():
    assert played(spec_of(time_limit=1000)) == played(spec_of())


def test_a_deadline_is_a_limit_by_the_clock():
    found = played(spec_of(trials=1000, deadline="23:00"))

    assert found.limit == "search.deadline"
    assert NOW + timedelta(hours=1) <= found.end <= NOW + timedelta(hours=1, seconds=10)
    assert found.ended == 2 * ((3600 - 10) // 16)


def test_the_earlier_of_two_limits_counts():
    assert played(spec_of(trials=1000, deadline="23:00", time_limit=100)).limit == "search.time_limit"


def test_gpu_hours_are_those_of_all_trials_and_packed_trials_share_theirs():
    assert played(spec_of(gpus=1)).gpu_hours == pytest.approx(72 / 3600)
    assert played(spec_of(gpus=1, pack=2)).gpu_hours == pytest.approx(36 / 3600)


def test_a_budget_of_gpu_hours_ends_the_sweep_when_it_is_spent():
    found = played(spec_of(gpus=1, trials=1000, gpu_hours=1))

    assert found.limit == "search.gpu_hours"
    assert found.gpu_hours == pytest.approx(1, rel=0.01)


def test_no_saving_is_assumed_without_rungs_nor_while_few_trials_have_ended():
    assert assumed_saving(spec_of(trials=10)) == 0
    assert assumed_saving(spec_of(trials=1000, rungs=())) == 0
    assert assumed_saving(spec_of(trials=1000)) == pytest.approx(0.3 * (1000 - 2 - 10) / 1000)


def test_the_expected_front_is_that_of_random_points():
    """Oracle: the mean size of the fronts of made-up sweeps of independent scores."""
    rng = np.random.default_rng(0)
    sizes = [nondominated(rng.random((30, 2)), ["maximize", "maximize"]).sum() for _ in range(2000)]

    assert expected_front(30) == pytest.approx(np.mean(sizes), rel=0.03)
    assert expected_front(1) == 1


def test_disk_is_added_up_by_rows():
    """Four trials with two reports each; a front of 1 + 1/2 + 1/3 + 1/4 trials, and two that run."""
    front = 25 / 12
    found = disk(
        spec_of(),
        COSTS,
        ended=4,
        saved_share=0.0,
        checkpoint_bytes=100,
        adapter_bytes=30,
        final_rows=11,
        features=1e6,
    )

    assert found == Disk(
        record=4 * 10 + 8 * (20 + 5) + 4 * 11 * 3,
        study=STUDY_BYTES + 4 * 7,
        checkpoints=pytest.approx(front * 100),
        running=2 * 100,
        features=1e6,
        adapters=pytest.approx(front * 30),
    )


def test_a_finished_sweep_tells_how_large_fronts_are():
    settings = {"ended": 4, "saved_share": 0.0, "adapter_bytes": None, "final_rows": None, "features": None}
    half = COSTS.model_copy(update={"front_ratio": 0.5})

    found = disk(spec_of(), half, checkpoint_bytes=100, **settings)
    assert found.checkpoints == pytest.approx(25 / 12 * 100 / 2)


def test_checkpoints_never_take_more_than_the_sweep_lets_them():
    settings = {"ended": 4, "saved_share": 0.0, "adapter_bytes": None, "final_rows": None, "features": None}

    found = disk(spec_of(disk=250), COSTS, checkpoint_bytes=100, **settings)
    assert found.checkpoints + found.running == 250
    assert disk(spec_of(disk=150), COSTS, checkpoint_bytes=100, **settings).checkpoints == 150


def test_a_study_on_a_server_takes_no_disk_here():
    settings = {"ended": 4, "saved_share": 0.0, "adapter_bytes": None, "final_rows": None, "features": None}
    spec = spec_of(storage="postgresql://me@host/name")

    assert disk(spec, COSTS, checkpoint_bytes=100, **settings).study == 0
