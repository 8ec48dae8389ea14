"""What the hub gives its pruner to judge, and what it does with the answer, also after a crash."""

import dataclasses

import pytest
from made_search import made_report, made_spec, run_to_end, start_hub

from results import read_sweep
from search.audit import is_audited
from search.study import open_studies
from search.vectors import exposure_of

EOD = {"name": "eod", "warmup_trials": 2, "audit_share": 0.0}
AUDIT_ALL = {"name": "median_all", "warmup_trials": 2, "audit_share": 0.999}


def late_report(step, *, quality):
    """Give a report of a trial that has had little grounding so far."""
    report = made_report(step, miou=quality * step / 12, f1=quality * step / 6)
    return dataclasses.replace(report, exposure={"grounding": (step / 6) ** 2, "text": step / 6})


def test_eod_is_the_default():
    assert made_spec(pruner={}).search.pruner.name == "eod"


def test_eod_stops_what_cannot_reach_a_finished_trial(tmp_path):
    hub = start_hub(made_spec(pruner=EOD), tmp_path)
    for quality in (0.6, 0.9):
        run_to_end(hub, hub.ask(), quality=quality)  # gains: .6 after step 2, .3 after 4, raised by half
    config = hub.ask()
    assert hub.report(config.number, made_report(2, miou=0.31, f1=0.25)).verdict == "CONTINUE"
    decision = hub.report(config.number, made_report(4, miou=0.4, f1=0.4))
    assert (decision.verdict, decision.reason.startswith("trial 1 ended better in every objective")) == ("STOP", True)


def test_a_trial_that_was_given_little_of_a_task_is_not_stopped_for_it(tmp_path):
    hub = start_hub(made_spec(pruner=EOD), tmp_path)
    for quality in (0.6, 0.9):
        run_to_end(hub, hub.ask(), quality=quality)
    late = hub.ask()
    report = dataclasses.replace(made_report(4, miou=0.35, f1=0.4), exposure={"grounding": 1 / 3, "text": 2 / 3})
    assert hub.report(late.number, report).verdict == "CONTINUE"  # .35 can still become 1.25
    early = hub.ask()
    assert hub.report(early.number, made_report(4, miou=0.35, f1=0.4)).verdict == "STOP"


def test_the_study_holds_the_exposures_beside_the_scores(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    hub.report(hub.ask().number, late_report(2, quality=0.5))
    study = open_studies(tmp_path, storage=None, directions=["maximize", "maximize"]).main
    assert study.get_trials()[0].user_attrs["report:0:2"]["exposure"] == pytest.approx([1 / 9, 1 / 3])


def test_a_weighting_that_reacts_counts_by_progress():
    planned = {"grounding": 0.1, "text": 0.2}
    metrics = ["text.bleu", "grounding.miou"]
    assert exposure_of(planned, 0.5, metrics=metrics, weighting="static") == (0.2, 0.1)
    assert exposure_of(planned, 0.5, metrics=metrics, weighting="famo") == (0.5, 0.5)


def test_an_audited_trial_goes_on_and_the_record_says_why_it_would_have_been_stopped(tmp_path):
    hub = start_hub(made_spec(pruner=AUDIT_ALL), tmp_path)
    for quality in (0.6, 0.8, 0.1):
        assert run_to_end(hub, hub.ask(), quality=quality) == "final step reached"
    decisions = read_sweep(tmp_path).decisions
    audited = decisions.loc[(decisions["trial"] == 2) & (decisions["step"] == 2)].iloc[0]
    assert audited["verdict"] == "CONTINUE"
    assert audited["reason"] == ("audit: would stop: below the median of 2 finished trials in all objectives at step 2")


def test_the_audit_group_has_its_share_and_depends_on_seed_and_number_alone():
    group = [number for number in range(4000) if is_audited(number, seed=3, share=0.05)]
    assert group == [number for number in range(4000) if is_audited(number, seed=3, share=0.05)]
    assert 140 < len(group) < 260  # 200 expected, with a standard deviation of 14
    assert group != [number for number in range(4000) if is_audited(number, seed=4, share=0.05)]
    assert not any(is_audited(number, seed=3, share=0.0) for number in range(100))


QUALITIES = (0.6, 0.8, 0.1, 0.7, 0.5, 0.9, 0.2, 0.85, 0.3, 0.95)


@pytest.mark.parametrize(
    "pruner",
    [
        EOD,
        {"name": "median_all", "warmup_trials": 2, "audit_share": 0.3},
        {"name": "moasha", "warmup_trials": 1},
        {"name": "optuna", "stock": "median", "warmup_trials": 2},
    ],
    ids=lambda pruner: pruner["name"],
)
def test_a_driver_that_dies_after_every_trial_decides_as_one_that_lives(tmp_path, pruner):
    spec = made_spec(trials=len(QUALITIES), pruner=pruner, sampler={"name": "random"})

    def decisions(folder, *, restart):
        hub = start_hub(spec, folder)
        for quality in QUALITIES:
            config, report = hub.ask(), made_report
            for step in (2, 4, 6):
                scores = {"miou": quality * step / 6, "f1": (1 - quality / 2) * step / 6}
                if hub.report(config.number, report(step, **scores)).verdict == "STOP":
                    break
            hub = start_hub(spec, folder) if restart else hub
        rows = read_sweep(folder).decisions
        return rows[["trial", "step", "verdict", "reason"]].to_dict("records")

    whole = decisions(tmp_path / "whole", restart=False)
    assert decisions(tmp_path / "pieces", restart=True) == whole
    assert {row["verdict"] for row in whole} == {"CONTINUE", "STOP"}


def test_a_final_report_whose_end_was_lost_counts_with_its_exposures(tmp_path, monkeypatch):
    spec = made_spec(pruner=EOD, trials=8)

    def last_decision(folder, *, dies):
        hub = start_hub(spec, folder)
        run_to_end(hub, hub.ask(), quality=0.6)
        late = hub.ask()
        for step in (2, 4, 6):
            if dies and step == 6:
                monkeypatch.setattr(hub._trials, "set_attr", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
                with pytest.raises(KeyboardInterrupt):
                    hub.report(late.number, late_report(6, quality=0.9))
                hub = start_hub(spec, folder)
            else:
                hub.report(late.number, late_report(step, quality=0.9))
        judged = hub.ask()
        return hub.report(judged.number, made_report(4, miou=0.1, f1=0.1))

    assert last_decision(tmp_path / "a", dies=True) == last_decision(tmp_path / "b", dies=False)
