import sys

import pytest
from nightly import NIGHTLY
from optuna.trial import TrialState
from ray_tune import RayAsha, StockTune, make_scheduler, make_searcher

from search.cluster import connected_ray
from search.landscapes import OBJECTIVES, STEP_S, MadeLandscape, space_of
from search.simulator import simulate
from search.spec import SweepSpec
from trainable.report import TrialReport

STEPS, RUNGS = 24, (3, 6, 12, 18)


def spec_of(*, trials, workers=1, landscape="mixed"):
    return SweepSpec.model_validate(
        {
            "data": {"sources": [{"source": "shapes", "scenes": 8}]},
            "objectives": OBJECTIVES,
            "trial": {"steps": STEPS, "rungs": RUNGS},
            "space": space_of(landscape),
            "search": {
                "trials": trials,
                "concurrency": workers,
                "sampler": "random",
                "pruner": {"name": "none", "audit_share": 0.0},
            },
        }
    )


def grounding(scores):
    return scores[OBJECTIVES[0]]


def flat(scores):
    """Give a landscape where the trial of each number has one grounding score all along."""

    def reports(config):
        for step in (*RUNGS, STEPS):
            metrics = {OBJECTIVES[0]: scores[config.number], OBJECTIVES[1]: 0.5}
            yield TrialReport(step, step / STEPS, STEP_S * step, metrics, {}, {}, {}, {})

    return reports


def run(spec, landscape, *, eta, budget_s=float("inf"), seed=3):
    tune = StockTune(
        spec,
        make_searcher(spec, seed=seed),
        make_scheduler(spec, eta=eta),
        score=grounding,
        timer=lambda: 0.0,
    )
    tune.run(landscape, budget_s=budget_s)
    return tune


# Rungs 3, 6, 12 and 24 at η 2. At each, a score below the median of those seen there before ends the trial:
# 0.4 is below the median of 0.5 and 0.6; 0.55 is not below that of 0.4, 0.5 and 0.6, nor, at 6, below that of 0.5 and
# 0.6; 0.52 is below that of 0.4, 0.5, 0.55 and 0.6, which is 0.525.
SCORES = (0.5, 0.6, 0.4, 0.55, 0.52)
LAST_STEPS = [24, 24, 3, 24, 3]


def test_the_scheduler_stops_what_the_rungs_by_hand_say():
    tune = run(spec_of(trials=5), flat(SCORES), eta=2)
    assert [each.steps for each in tune.endings] == LAST_STEPS
    assert [each.config.number for each in tune.endings] == [0, 1, 2, 3, 4]


def test_as_a_pruner_it_stops_the_same_trials():
    spec = spec_of(trials=5)
    pruner = RayAsha(make_scheduler(spec, eta=2), OBJECTIVES, score=grounding)
    record = simulate(spec, flat(SCORES), pruner=pruner, timer=lambda: 0.0)
    assert [each.steps for each in record.endings] == LAST_STEPS


def test_with_rays_default_it_keeps_the_best_quarter_at_fewer_rungs():
    # rungs 3 and 12; the 75th percentile of 0.5 and 0.6 is 0.575, and of 0.5, 0.55 and 0.6 it is 0.575 as well
    assert [each.steps for each in run(spec_of(trials=4), flat((0.5, 0.6, 0.55, 0.58)), eta=4).endings] == [
        24,
        24,
        3,
        24,
    ]


def test_the_searcher_takes_the_last_score_of_a_stopped_trial_for_a_final_one():
    tune = run(spec_of(trials=5), flat(SCORES), eta=2)
    trials = tune._searcher._ot_study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 5
    assert [trial.value for trial in trials] == list(SCORES)


def test_work_and_time_are_counted_as_in_our_own_simulation():
    spec = spec_of(trials=6, workers=2)
    landscape = flat((0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
    tune, record = run(spec, landscape, eta=2), simulate(spec, landscape, timer=lambda: 0.0)
    assert tune.spent_s == record.spent_s == 6 * STEPS * STEP_S
    assert [each.spent_s for each in tune.endings] == [each.spent_s for each in record.endings]


def test_it_ends_with_its_budget():
    tune = run(spec_of(trials=100, workers=2), flat([0.5] * 100), eta=2, budget_s=3 * STEPS * STEP_S)
    assert [each.steps for each in tune.endings] == [24, 24]
    assert tune.spent_s >= 3 * STEPS * STEP_S


def test_its_first_trial_is_the_plain_baseline_as_near_as_the_space_holds_it():
    spec = spec_of(trials=2)
    first, second = (each.config for each in run(spec, flat((0.5, 0.6)), eta=2).endings)
    baseline = simulate(spec, MadeLandscape("mixed").reports).endings[0].config
    assert (baseline.number, baseline.curriculum.mix, first.curriculum.mix) == (0, "data", "task")
    assert first.model_copy(update={"curriculum": baseline.curriculum}) == baseline
    assert first.curriculum == baseline.curriculum.model_copy(update={"mix": "task"})
    assert second.optimizer != first.optimizer


def rising(settings, step):
    """Give the score of a trial that may need few steps or many; a worker needs none of our packages for it."""
    height, late = settings["curriculum.grounding_share"], settings["optimizer.learning_rate"] * 100
    return height * (step / 24) ** (0.2 + late)


@pytest.mark.ray
@pytest.mark.slow
@NIGHTLY
def test_a_run_of_ray_tune_itself_asks_and_stops_the_same(tmp_path):
    trials = 8
    spec = spec_of(trials=trials, landscape="constant")

    def trainable(given):
        from ray import tune

        for step in (3, 6, 12, 18, 24):
            tune.report({"score": rising(given, step), "step": step})

    def landscape(config):
        settings = {
            "curriculum.grounding_share": config.curriculum.grounding_share,
            "optimizer.learning_rate": config.optimizer.learning_rate,
        }
        for step in (*RUNGS, STEPS):
            metrics = {OBJECTIVES[0]: rising(settings, step), OBJECTIVES[1]: 0.5}
            yield TrialReport(step, step / STEPS, STEP_S * step, metrics, {}, {}, {}, {})

    searcher = make_searcher(spec, seed=3)
    with connected_ray(spec):
        from ray import cloudpickle, tune

        cloudpickle.register_pickle_by_value(sys.modules[__name__])
        tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=make_scheduler(spec, eta=2),
                num_samples=trials,
                max_concurrent_trials=1,
            ),
            run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
        ).fit()
    real = searcher._ot_study.get_trials()
    simulated = run(spec, landscape, eta=2)._searcher._ot_study.get_trials()
    assert [(each.params, each.value, each.intermediate_values) for each in simulated] == [
        (each.params, each.value, each.intermediate_values) for each in real
    ]
    assert len(real) == trials
    assert len({len(each.intermediate_values) for each in real}) > 1, "the scheduler stopped nothing"
