import dataclasses

import pytest
from made_search import made_report, made_spec, start_hub

from results import read_sweep
from search.constraints import Constraints
from search.hard_stops import parse_failure_stop
from search.spec import ConstraintConfig
from search.study import open_studies

MIOU = ("grounding.miou",)


def report(step=4, *, rate=1.0, grounding=0.6, **scores):
    made = made_report(step, miou=0.0, f1=0.5)
    metrics = {**made.metrics, "grounding.parse_failure_rate": rate, **scores}
    return dataclasses.replace(made, metrics=metrics, exposure={"grounding": grounding, "text": 0.95})


@pytest.mark.parametrize(
    ("rate", "grounding", "metrics", "expected"),
    [
        (1.0, 0.6, MIOU, True),
        (0.95, 0.6, MIOU, False),
        (1.0, 0.5, MIOU, False),
        (1.0, 0.6, ("text.bleu", "text.chrf"), False),
    ],
)
def test_a_trial_without_boxes_is_stopped_once_it_had_half_of_its_grounding(rate, grounding, metrics, expected):
    assert (parse_failure_stop(report(rate=rate, grounding=grounding), metrics=metrics) is not None) == expected


def test_the_baseline_is_never_stopped_hard_and_others_are_whatever_the_pruner(tmp_path):
    hub = start_hub(made_spec(pruner={"name": "none"}), tmp_path)
    baseline, other = hub.ask(), hub.ask()
    assert hub.report(baseline.number, report()).verdict == "CONTINUE"
    decision = hub.report(other.number, report())
    assert (decision.verdict, decision.reason) == (
        "STOP",
        "hard stop: 100% of the answers have no box after 60% of the grounding",
    )
    start_hub(made_spec(pruner={"name": "none"}), tmp_path)
    assert list(read_sweep(tmp_path).trials["state"]) == ["PRUNED"]


def constraints(metric="text.token_f1", *, baseline=0.5):
    made = Constraints([ConstraintConfig(metric=metric, max_drop=0.125)])
    made.set_baseline({metric: baseline})
    return made


@pytest.mark.parametrize(("score", "violation"), [(0.5, -0.125), (0.375, 0.0), (0.25, 0.125), (1.0, -0.625)])
def test_a_score_may_drop_so_far_below_the_baselines(score, violation):
    assert constraints().violations({"text.token_f1": score}) == {"text.token_f1": violation}


def test_where_smaller_is_better_a_rise_is_a_drop():
    made = constraints("text.perplexity", baseline=4.0)
    assert made.violations({"text.perplexity": 5.0}) == {"text.perplexity": 0.875}


def test_nothing_binds_before_the_baseline_is_complete():
    unbound = Constraints([ConstraintConfig(metric="text.token_f1", max_drop=0.125)])
    assert unbound.violations({"text.token_f1": 0.0}) == {}


def test_a_late_violation_is_a_reason_to_stop_and_an_early_one_is_not():
    late = report(**{"text.token_f1": 0.25})
    assert constraints().late_stop(late) == (
        "hard stop: text.token_f1 is worse than allowed by 0.125 after 95% of its task"
    )
    assert constraints().late_stop(dataclasses.replace(late, exposure={"text": 0.9})) is None
    assert constraints().late_stop(report(**{"text.token_f1": 0.375})) is None


@pytest.mark.parametrize("restart", [False, True])
def test_the_study_knows_which_completed_trials_violate_a_constraint(tmp_path, restart):
    spec = made_spec(
        pruner={"name": "none"}, sampler={"name": "random"}, constraints=[{"metric": "text.bleu", "max_drop": 0.125}]
    )
    hub = start_hub(spec, tmp_path)
    for bleu in (0.5, 0.25, 0.75):
        config = hub.ask()
        for step in (2, 4, 6):
            made = made_report(step, miou=0.5, f1=0.5)
            hub.report(config.number, dataclasses.replace(made, metrics={**made.metrics, "text.bleu": bleu}))
        hub = start_hub(spec, tmp_path) if restart else hub
    study = open_studies(tmp_path, storage=None, directions=["maximize", "maximize"]).main
    assert [trial.constraints for trial in study.get_trials()] == [
        {"text.bleu": -0.125},
        {"text.bleu": 0.125},
        {"text.bleu": -0.375},
    ]


def test_a_baseline_whose_end_was_lost_still_binds(tmp_path, monkeypatch):
    spec = made_spec(constraints=[{"metric": "text.token_f1", "max_drop": 0.125}])
    hub = start_hub(spec, tmp_path)
    number = hub.ask().number
    for step in (2, 4):
        hub.report(number, made_report(step, miou=0.5, f1=0.5))
    monkeypatch.setattr(hub._trials, "set_attr", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        hub.report(number, made_report(6, miou=0.5, f1=0.5))
    resumed = start_hub(spec, tmp_path)
    decision = resumed.report(resumed.ask().number, report(rate=0.0, **{"text.token_f1": 0.25}))
    assert decision.reason.startswith("hard stop: text.token_f1 is worse than allowed")
