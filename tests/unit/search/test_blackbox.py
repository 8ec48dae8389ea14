import itertools

import pytest
from made_search import start_hub

from search.blackbox import Blackbox, Nearest, RecordedTrial, read_blackbox, replay
from search.errors import RecordError
from search.landscapes import OBJECTIVES, MadeLandscape, space_of
from search.simulator import SimulatedFailure, completed, simulate
from search.spec import PrunerConfig, SweepSpec
from spaces import settings_of
from spaces.trial import TrialConfig
from trainable.report import TrialReport

LANDSCAPE = MadeLandscape("mixed")
NONE, EOD = PrunerConfig(name="none"), PrunerConfig(name="eod")


def spec_of(*, space=None, **search):
    return SweepSpec.model_validate(
        {
            "data": {"sources": [{"source": "shapes", "scenes": 8}]},
            "objectives": OBJECTIVES,
            "trial": {"steps": 24, "rungs": (3, 6, 12, 18)},
            "space": space or space_of("mixed"),
            "search": {"trials": 18, "concurrency": 1, "sampler": "random", "pruner": "none", **search},
        }
    )


def record_sweep(folder, spec, *, failing=()):
    """Run a sweep for real but for the training, one trial after the other."""
    hub, configs = start_hub(spec, folder), {}
    while config := hub.ask():
        configs[config.number] = config
        for report in LANDSCAPE.reports(config):
            if config.number in failing and report.step == 12:
                hub.fail(config.number, "out of memory: in a test, after it was halved")
                break
            if hub.report(config.number, report).verdict != "CONTINUE":
                break
    return configs


def finals_of(record):
    return {each.config.number: each.ending.values for each in completed(record)}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Give the folder of a sweep without pruning, and its configs by number."""
    folder = tmp_path_factory.mktemp("swept")
    return folder, record_sweep(folder, spec_of())


def curve(*values, first):
    """Give reports at the last of 24 steps only, or at 12 and 24, with both objectives equal."""
    steps = (12, 24) if first == 12 else (24,)
    return tuple(
        TrialReport(step, step / 24, 100.0 * step, dict.fromkeys(OBJECTIVES, value), {}, {}, {}, {})
        for step, value in zip(steps, values, strict=False)
    )


def recorded(number, *values, state="COMPLETE", **params):
    known = {"optimizer.learning_rate": 1e-3, "curriculum.mix": "task", "curriculum.grounding_share": 0.5}
    given = {key.replace("__", "."): value for key, value in params.items()}
    reports = curve(*values, first=12 if len(values) == 2 or state != "COMPLETE" else 24)
    params = {**known, "adapter.rank": 16, **given}
    return RecordedTrial(number, params, reports, seconds=reports[-1].seconds, state=state, reason="stopped")


def config_of(spec, **params):
    point = {**spec.space.baseline(), **{key.replace("__", "."): value for key, value in params.items()}}
    config = TrialConfig(number=7, attempt=0, model=spec.model, data=spec.data, training=spec.trial)
    return config.model_copy(update=vars(settings_of(point)))


def test_a_replay_without_pruning_repeats_every_setting_score_and_second(swept):
    folder, configs = swept
    found = replay(read_blackbox(folder), NONE)
    settings = {each.config.number: each.config for each in found.record.endings}
    assert settings == configs
    assert finals_of(found.record) == {
        number: tuple(report.metrics[metric] for metric in OBJECTIVES)
        for number, config in configs.items()
        for *_, report in [LANDSCAPE.reports(config)]
    }
    assert (found.stopped, found.lost, found.spent_s) == ((), (), found.recorded_s)
    assert found.recorded_s == 18 * 2400.0


def test_a_replay_decides_what_the_pruner_would_have_decided_in_the_sweep(swept, tmp_path):
    record_sweep(tmp_path, spec_of(pruner="eod"))
    whole, pruned = read_blackbox(swept[0]), read_blackbox(tmp_path)
    found = replay(whole, EOD)
    stopped = tuple(sorted(number for number, trial in pruned.trials.items() if trial.state == "PRUNED"))
    assert found.stopped == stopped
    assert len(stopped) > 2
    assert found.spent_s == pytest.approx(sum(trial.seconds for trial in pruned.trials.values()))
    assert found.lost == tuple(number for number in whole.front() if number in stopped)


def test_a_trial_that_failed_in_the_record_fails_again_after_the_same_time(tmp_path):
    record_sweep(tmp_path, spec_of(trials=5), failing=(2,))
    blackbox = read_blackbox(tmp_path)
    assert blackbox.trials[2].state == "FAIL"
    found = replay(blackbox, NONE)
    ending = next(each.ending for each in found.record.endings if each.config.number == 2)
    assert (ending.state, ending.reason) == ("FAIL", f"recorded: {blackbox.trials[2].reason}")
    assert found.spent_s == found.recorded_s == 4 * 2400.0 + 600.0
    assert len(completed(found.record)) == 4


def test_a_trial_that_was_stopped_in_the_record_ends_where_its_curve_does():
    blackbox = Blackbox(spec_of(), [recorded(0, 0.5, 0.6), recorded(1, 0.2, state="PRUNED"), recorded(2, 0.3, 0.7)])
    found = replay(blackbox, NONE)
    states = {each.config.number: each.ending.state for each in found.record.endings}
    assert states == {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE"}
    assert found.stopped == ()


def test_a_trial_that_never_ended_in_the_record_fails_at_once():
    blackbox = Blackbox(spec_of(), [recorded(0, 0.5, 0.6), recorded(2, 0.3, 0.7)])
    states = {each.config.number: each.ending.state for each in replay(blackbox, NONE).record.endings}
    assert states == {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE"}


def test_a_record_without_a_complete_trial_judges_nobody():
    blackbox = Blackbox(spec_of(), [recorded(0, 0.5, state="FAIL")])
    with pytest.raises(RecordError, match="ran to its end"):
        replay(blackbox, EOD)
    with pytest.raises(RecordError, match="ran to its end"):
        Nearest(blackbox)


def test_the_recorded_settings_are_nearest_to_themselves(swept):
    folder, configs = swept
    nearest = Nearest(read_blackbox(folder))
    assert [nearest.of(config).number for config in configs.values()] == list(configs)


@pytest.mark.parametrize(
    ("params", "number"),
    [
        ({"optimizer__learning_rate": 1.5e-4}, 1),  # a logarithmic range: 1e-3 is farther from 1e-4 than from 1e-2/3
        ({"optimizer__learning_rate": 4e-4}, 0),
        ({"adapter__rank": 8}, 2),
        ({"adapter__rank": 32}, 0),  # two other choices are equally far, so the smaller number answers
        ({"curriculum__grounding_share": 0.9}, 3),
    ],
)
def test_the_nearest_recorded_trial_answers(params, number):
    rows = [
        recorded(0, 0.1),
        recorded(1, 0.2, optimizer__learning_rate=1e-4),
        recorded(2, 0.3, adapter__rank=8),
        recorded(3, 0.4, curriculum__grounding_share=0.95),
        recorded(4, 0.5, state="PRUNED", **params),
    ]
    spec = spec_of(space=space_of("constant"))
    nearest = Nearest(Blackbox(spec, rows))
    assert nearest.of(config_of(spec, curriculum__mix="task", **params)).number == number


def test_a_dimension_that_plays_no_part_in_one_trial_sets_it_apart():
    space = {
        "dimensions": {
            "mixture.giou.on": {"values": (True, False)},
            "mixture.giou.weight": {"low": 0.01, "high": 1.0, "log": True},
        }
    }
    spec = spec_of(space=space)
    rows = [
        recorded(0, 0.1, mixture__giou__on=False, mixture__giou__weight=None),
        recorded(1, 0.2, mixture__giou__on=True, mixture__giou__weight=0.01),
        recorded(2, 0.2, mixture__giou__on=True, mixture__giou__weight=0.5),
    ]
    nearest = Nearest(Blackbox(spec, rows))
    weights = {(False, 0.4): 0, (True, 0.02): 1, (True, 1.0): 2}
    for (is_on, weight), number in weights.items():
        assert nearest.of(config_of(spec, mixture__giou__on=is_on, mixture__giou__weight=weight)).number == number


def test_a_search_in_a_record_finds_no_better_front_than_the_record(swept):
    blackbox = read_blackbox(swept[0])
    record = simulate(spec_of(trials=40, sampler="tpe", seed=3), Nearest(blackbox), timer=lambda: 0.0)
    known = set(map(tuple, blackbox.finals().tolist()))
    assert {each.ending.values for each in completed(record)} <= known
    assert len(completed(record)) == 40


def test_a_failing_trial_takes_its_time_and_frees_its_worker():
    def failing(config):
        reports = itertools.takewhile(lambda report: report.step < 12, LANDSCAPE.reports(config))
        return itertools.chain(reports, [SimulatedFailure("diverged", 700.0)])

    def landscape(config):
        return failing(config) if config.number % 2 else LANDSCAPE.reports(config)

    record = simulate(spec_of(trials=4, concurrency=1), landscape, timer=lambda: 0.0)
    assert [each.ending.state for each in record.endings] == ["COMPLETE", "FAIL", "COMPLETE", "FAIL"]
    assert [each.spent_s for each in record.endings] == [2400.0, 3100.0, 5500.0, 6200.0]
