"""What users ask of single trials, and what the hub makes of it, also after a crash."""

import json

import pytest
from made_search import made_report, made_spec, run_to_end, start_hub
from optuna.trial import TrialState

from results import read_sweep
from search.requests import Request, RequestFiles
from search.study import open_studies

EOD = {"name": "eod", "warmup_trials": 2, "audit_share": 0.0}


def submit(folder, kind, trial, **settings):
    request = Request(kind=kind, trial=trial, **settings)
    RequestFiles(folder).submit(request)
    return request


def states(folder):
    study = open_studies(folder, storage=None, directions=["maximize", "maximize"]).main
    return [trial.state for trial in study.get_trials()]


def test_a_trial_is_stopped_at_its_next_report_and_the_record_says_by_whom(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    config = hub.ask()
    submit(tmp_path, "stop", 0)
    decision = hub.report(config.number, made_report(2, miou=0.9, f1=0.9))
    assert (decision.verdict, decision.reason) == ("STOP", "stopped by the user")
    assert read_sweep(tmp_path).trials.iloc[0]["reason"] == "stopped by the user"
    assert states(tmp_path) == [TrialState.PRUNED]
    assert RequestFiles(tmp_path).pending() == []


def test_a_last_report_counts_although_the_trial_was_to_be_stopped(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    config = hub.ask()
    for step in (2, 4):
        hub.report(config.number, made_report(step, miou=0.9, f1=0.9))
    submit(tmp_path, "stop", 0)
    assert hub.report(config.number, made_report(6, miou=0.9, f1=0.9)).reason == "final step reached"


def weak_trial(hub):
    """Run two good trials and start a third that the pruner would stop."""
    for quality in (0.6, 0.8):
        run_to_end(hub, hub.ask(), quality=quality)
    return hub.ask().number


def test_an_extended_trial_runs_to_its_end_and_the_record_says_what_the_pruner_thought(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    number = weak_trial(hub)
    submit(tmp_path, "extend", number)
    verdicts = [hub.report(number, made_report(step, miou=0.01, f1=0.01)) for step in (2, 4, 6)]
    assert [each.verdict for each in verdicts] == ["CONTINUE", "CONTINUE", "STOP"]
    assert verdicts[0].reason.startswith("extended by the user: would stop: below the median of 2")
    assert states(tmp_path)[number] == TrialState.COMPLETE


def test_extending_a_stopped_trial_runs_it_again_with_its_seed_to_the_end(tmp_path):
    hub = start_hub(made_spec(trials=3), tmp_path)
    number = weak_trial(hub)
    hub.report(number, made_report(2, miou=0.01, f1=0.01))
    first = read_sweep(tmp_path).trials.iloc[number]
    submit(tmp_path, "extend", number)
    again = hub.ask()  # on top of the three
    assert (again.number, again.training.seed) == (3, made_spec().trial.seed)
    assert hub.report(3, made_report(2, miou=0.01, f1=0.01)).verdict == "CONTINUE"
    for step in (4, 6):
        hub.report(3, made_report(step, miou=0.01, f1=0.01))
    row = read_sweep(tmp_path).trials.iloc[-1]
    assert (row["state"], row["role"]) == ("COMPLETE", "clone")
    keys = [name for name in row.index if name.startswith("param.")]
    assert len(keys) > 20
    assert first[keys].to_json() == row[keys].to_json()
    assert hub.ask() is None


def test_an_order_holds_after_the_driver_died(tmp_path):
    first = start_hub(made_spec(), tmp_path)
    number = weak_trial(first)
    submit(tmp_path, "extend", number)
    submit(tmp_path, "pin", 0)
    assert first.has_budget  # it looks for requests
    hub = start_hub(made_spec(), tmp_path)
    assert hub.ask().number == number
    assert hub.report(number, made_report(2, miou=0.01, f1=0.01)).verdict == "CONTINUE"
    assert hub._orders.pinned == {0}


def test_a_clone_has_another_seed_and_only_the_changes_that_were_asked_for(tmp_path):
    hub = start_hub(made_spec(trials=2), tmp_path)
    run_to_end(hub, hub.ask(), quality=0.5)
    original = hub.ask()
    run_to_end(hub, original, quality=0.5)
    submit(tmp_path, "clone", 1)
    submit(tmp_path, "clone", 1, seed=77, changes={"optimizer.learning_rate": 5e-3})
    same, changed = hub.ask(), hub.ask()
    assert same.training.seed not in (original.training.seed, 77)
    assert (changed.training.seed, changed.optimizer.learning_rate) == (77, 5e-3)
    for clone in (same, changed):
        assert clone.mixture == original.mixture
        run_to_end(hub, clone, quality=0.5)
    assert same.optimizer == original.optimizer
    rows = read_sweep(tmp_path).trials
    assert list(rows["role"]) == ["baseline", "search", "clone", "clone"]
    assert list(rows["seed"])[-1] == 77
    assert hub.ask() is None


def test_a_clone_waits_until_the_baseline_and_the_presets_are_asked_for(tmp_path):
    hub = start_hub(made_spec(enqueue=("ntl",), trials=3), tmp_path)
    hub.ask()
    submit(tmp_path, "clone", 0)
    preset = hub.ask()
    assert "ntl_was" in preset.mixture.mean_weights()
    clone = hub.ask()
    assert (clone.number, clone.mixture.mean_weights()) == (2, {"text_ce": 1, "box_ce": 1})
    assert hub.ask().number == 3
    assert hub.ask() is None


@pytest.mark.parametrize("died", ["before the request was forgotten", "before the clone was asked for"])
def test_a_clone_is_made_once_wherever_the_driver_died(tmp_path, monkeypatch, died):
    hub = start_hub(made_spec(trials=1), tmp_path)
    run_to_end(hub, hub.ask(), quality=0.5)
    submit(tmp_path, "clone", 0)
    if died == "before the request was forgotten":
        monkeypatch.setattr(RequestFiles, "done", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    else:
        monkeypatch.setattr(hub._trials, "ask", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        hub.ask()
    monkeypatch.undo()
    resumed = start_hub(made_spec(trials=1), tmp_path)
    clone = resumed.ask()
    assert clone.number == 1
    run_to_end(resumed, clone, quality=0.5)
    assert resumed.ask() is None
    assert list(read_sweep(tmp_path).trials["role"]) == ["baseline", "clone"]


def test_a_clone_whose_driver_died_goes_on_with_its_own_seed(tmp_path):
    hub = start_hub(made_spec(trials=1), tmp_path)
    run_to_end(hub, hub.ask(), quality=0.5)
    submit(tmp_path, "clone", 0, seed=5)
    hub.report(hub.ask().number, made_report(2, miou=0.5, f1=0.5))
    again = start_hub(made_spec(trials=1), tmp_path).ask()
    assert (again.number, again.training.seed, again.from_step) == (1, 5, 2)


def test_what_is_no_request_is_set_aside(tmp_path, caplog):
    hub = start_hub(made_spec(), tmp_path)
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "x.json").write_text(json.dumps({"kind": "explode", "trial": 0}))
    assert hub.ask().number == 0
    assert "is no request, it is set aside" in caplog.text
    assert (tmp_path / "requests" / "x.refused").exists()


def test_a_request_to_a_trial_that_there_is_not_is_dropped(tmp_path, caplog):
    hub = start_hub(made_spec(), tmp_path)
    submit(tmp_path, "stop", 9)
    hub.ask()
    assert "a request to stop trial 9 is dropped: there is no such trial" in caplog.text


class TestTimeLimit:
    SPEC = made_spec()
    SPEC = SPEC.model_copy(update={"trial": SPEC.trial.model_copy(update={"time_limit": 3.0})})

    def test_a_trial_over_its_time_fails_at_its_next_report(self, tmp_path):
        hub = start_hub(self.SPEC, tmp_path)
        number = hub.ask().number
        assert hub.report(number, made_report(2, miou=0.5, f1=0.5)).verdict == "CONTINUE"
        decision = hub.report(number, made_report(4, miou=0.5, f1=0.5))
        assert decision.reason == "timeout: 4 s up to step 4; trial.time_limit is 3 s"
        row = read_sweep(tmp_path).trials.iloc[0]
        assert (row["state"], row["reason"]) == ("FAIL", decision.reason)

    def test_a_last_report_over_the_time_counts(self, tmp_path):
        spec = self.SPEC.model_copy(update={"trial": self.SPEC.trial.model_copy(update={"time_limit": 5.0})})
        hub = start_hub(spec, tmp_path)
        assert run_to_end(hub, hub.ask(), quality=0.5) == "final step reached"

    def test_a_timeout_that_was_recorded_is_one_after_the_driver_died(self, tmp_path, monkeypatch):
        hub = start_hub(self.SPEC, tmp_path)
        number = hub.ask().number
        hub.report(number, made_report(2, miou=0.5, f1=0.5))
        monkeypatch.setattr(hub, "_end", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            hub.report(number, made_report(4, miou=0.5, f1=0.5))
        start_hub(self.SPEC, tmp_path)
        assert states(tmp_path) == [TrialState.FAIL]

    def test_a_worker_that_ended_after_its_time_is_a_timeout_and_no_retry(self, tmp_path, monkeypatch):
        hub = start_hub(self.SPEC, tmp_path)
        number = hub.ask().number
        start = hub._recorder.now()
        monkeypatch.setattr(hub._recorder, "now", lambda: start.replace(year=start.year + 1))
        hub.lose(number, "made up", loss="worker died")
        assert read_sweep(tmp_path).trials.iloc[0]["reason"].startswith("timeout: no report for ")


def test_every_lost_worker_is_in_the_record(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    number = hub.ask().number
    hub.report(number, made_report(2, miou=0.5, f1=0.5))
    for loss in ("preempted", "node lost", "worker died"):
        hub.lose(number, "made up", loss=loss)
        assert hub.ask().number == number
    hub.fail(number, "out of memory: made up")
    rows = read_sweep(tmp_path).decisions
    assert list(rows["verdict"]) == ["CONTINUE", *["REQUEUE"] * 4]
    assert list(rows["reason"])[1:] == [
        "preempted: made up",
        "node lost: made up",
        "worker died: made up",
        "out of memory: made up; starts again with batches halved",
    ]


def test_a_report_before_a_lost_worker_is_not_taken_for_undecided_nor_the_loss_for_a_decision(tmp_path, monkeypatch):
    hub = start_hub(made_spec(), tmp_path)
    number = weak_trial(hub)
    hub.lose(number, "made up", loss="node lost")
    hub.ask()
    monkeypatch.setattr(hub, "_decided", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        hub.report(number, made_report(2, miou=0.01, f1=0.01))
    start_hub(made_spec(), tmp_path)
    assert states(tmp_path)[number] == TrialState.PRUNED


def test_a_pin_left_while_no_driver_worked_counts_before_anything_is_decided(tmp_path):
    first = start_hub(made_spec(), tmp_path)
    number = weak_trial(first)
    submit(tmp_path, "extend", number)
    submit(tmp_path, "pin", number)
    first._recorder.report(first._running[number].config, made_report(2, miou=0.01, f1=0.01))  # and then it died
    hub = start_hub(made_spec(), tmp_path)
    assert states(tmp_path)[number] == TrialState.RUNNING  # its last report was decided on as an extended trial's
    assert hub._orders.pinned == {number}


def test_a_waiting_clone_can_be_pinned(tmp_path):
    hub = start_hub(made_spec(trials=1), tmp_path)
    run_to_end(hub, hub.ask(), quality=0.5)
    submit(tmp_path, "clone", 0)
    assert hub.has_budget
    submit(tmp_path, "pin", 1)
    assert hub.ask().number == 1
    assert hub._orders.pinned == {1}


def test_a_clone_of_a_trial_that_is_not_drawn_yet_waits_for_it(tmp_path):
    first = start_hub(made_spec(trials=2), tmp_path)
    run_to_end(first, first.ask(), quality=0.5)
    study = open_studies(tmp_path, storage=None, directions=["maximize", "maximize"]).main
    study.ask()  # and then the driver died, before it was drawn
    submit(tmp_path, "clone", 1)
    hub = start_hub(made_spec(trials=2), tmp_path)
    drawn, clone = hub.ask(), hub.ask()
    assert (drawn.number, clone.number) == (1, 2)
    assert drawn.optimizer == clone.optimizer


def test_a_trial_that_ran_out_of_memory_starts_anew_also_after_the_sweep_stopped_in_between(tmp_path):
    first = start_hub(made_spec(), tmp_path)
    config = first.ask()
    first.report(config.number, made_report(2, miou=0.5, f1=0.5))
    first.fail(config.number, "out of memory: made up")
    again = start_hub(made_spec(), tmp_path).ask()  # the first driver never asked for it
    assert (again.number, again.attempt, again.from_step) == (config.number, 1, 0)
    assert again.training.batch == config.training.batch // 2


def test_hours_of_trials_that_wait_to_go_on_count(tmp_path):
    spec = made_spec(gpu_hours=3.5 / 3600)
    resources = spec.trial.resources.model_copy(update={"gpus": 1.0})
    spec = spec.model_copy(update={"trial": spec.trial.model_copy(update={"resources": resources})})
    first = start_hub(spec, tmp_path)
    numbers = [first.ask().number for _ in range(2)]
    for number in numbers:
        first.report(number, made_report(2, miou=0.5, f1=0.5))  # two seconds each
    hub = start_hub(spec, tmp_path)
    assert hub.gpu_hours == 4 / 3600
    assert hub.ask() is None


def test_a_suspension_keeps_what_the_pruner_would_have_done(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    number = weak_trial(hub)
    submit(tmp_path, "extend", number)
    hub._is_over = lambda: True
    decision = hub.report(number, made_report(2, miou=0.01, f1=0.01))
    assert decision.verdict == "SUSPEND"
    assert decision.reason.startswith("extended by the user: would stop: below the median")
    assert decision.reason.endswith("; the sweep stops here; resume goes on")
