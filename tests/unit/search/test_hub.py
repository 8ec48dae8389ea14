import dataclasses

import duckdb
import optuna
import pytest
from made_search import Events, made_report, made_spec, run_to_end, start_hub
from optuna.trial import TrialState

from results import RecordWriter, read_predictions, read_sweep
from search.kept_checkpoints import checkpoint_place
from search.study import open_studies
from spaces import SearchSpace
from trainable.evaluation.prediction import Prediction


def studies(folder):
    return open_studies(folder, storage=None, directions=["maximize", "maximize"])


def states(folder):
    return {trial.number: trial.state for trial in studies(folder).main.get_trials()}


def test_trial_zero_is_plain_cross_entropy(tmp_path):
    config = start_hub(made_spec(), tmp_path).ask()
    assert (config.number, config.mixture.mean_weights()) == (0, {"text_ce": 1, "box_ce": 1})
    assert config.optimizer.learning_rate == 1e-3


def test_the_baseline_is_known_to_the_sampler_where_its_values_can_be_drawn(tmp_path):
    start_hub(made_spec(), tmp_path).ask()
    params = studies(tmp_path).main.get_trials()[0].params
    assert params == {"optimizer.learning_rate": 1e-3, "mixture.giou.on": False}


def test_presets_run_right_after_the_baseline_whatever_the_space_can_draw(tmp_path):
    hub = start_hub(made_spec(enqueue=("ntl", "dist2")), tmp_path)
    configs = [hub.ask() for _ in range(3)]
    assert [config.mixture.mean_weights() for config in configs] == [
        {"text_ce": 1, "box_ce": 1},
        {"text_ce": 1, "box_ce": 1, "ntl_was": 0.3},
        {"text_ce": 1, "box_ce": 1, "soft_label": 0.1},
    ]
    known = [trial.params for trial in studies(tmp_path).main.get_trials()]
    assert known == [{"optimizer.learning_rate": 1e-3, "mixture.giou.on": False}] * 3


def test_a_preset_that_the_space_can_draw_is_known_to_the_sampler_and_has_its_role_in_the_record(tmp_path):
    spec = made_spec(enqueue=("ntl",), trials=3)
    spec = spec.model_copy(
        update={
            "space": SearchSpace.model_validate(
                {
                    "dimensions": {
                        "mixture.ntl_was.on": {"values": (True, False)},
                        "mixture.ntl_was.weight": {"low": 0.1, "high": 1.0},
                    }
                }
            )
        }
    )
    hub = start_hub(spec, tmp_path)
    for _ in range(3):
        run_to_end(hub, hub.ask(), quality=0.5)
    assert studies(tmp_path).main.get_trials()[1].params == {"mixture.ntl_was.on": True, "mixture.ntl_was.weight": 0.3}
    assert list(read_sweep(tmp_path).trials["role"]) == ["baseline", "preset", "search"]


def test_a_preset_that_waited_when_the_driver_died_is_not_enqueued_twice(tmp_path):
    spec = made_spec(enqueue=("ntl",))
    hub = start_hub(spec, tmp_path)
    hub.ask()
    study = studies(tmp_path).main
    study.enqueue_trial(dict(spec.space.active(spec.space.preset("ntl"))))  # and then the driver died
    resumed = start_hub(spec, tmp_path)
    numbers = [(config.number, "ntl_was" in config.mixture.mean_weights()) for config in iter(resumed.ask, None)]
    assert numbers == [(0, False), (1, True), (2, False), (3, False), (4, False), (5, False)]
    assert len({tuple(trial.params.values()) for trial in studies(tmp_path).main.get_trials()[2:]}) == 4


def test_a_stopped_trial_is_pruned_with_its_vectors_and_never_told_as_complete(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    for quality in (0.6, 0.8):
        run_to_end(hub, hub.ask(), quality=quality)
    reason = run_to_end(hub, hub.ask(), quality=0.1)
    trial = studies(tmp_path).main.get_trials()[2]
    assert reason == "below the median of 2 finished trials in all objectives at step 2"
    assert (trial.state, trial.values) == (TrialState.PRUNED, None)
    assert trial.user_attrs["report:0:2"]["values"] == pytest.approx([0.1 / 3, 0.1 / 3])
    assert trial.intermediate_values == {}
    scalar = studies(tmp_path).companion.get_trials()[2]
    assert (scalar.state, scalar.intermediate_values) == (TrialState.PRUNED, {2: pytest.approx(0.1 / 3)})


def test_a_study_with_pruned_trials_goes_on_sampling(tmp_path):
    hub = start_hub(made_spec(trials=12, sampler={"startup_trials": 3}), tmp_path)
    for quality in (0.6, 0.8, 0.1, 0.1, 0.9, 0.2, 0.3, 0.95, 0.1, 0.1, 0.2, 0.5):
        run_to_end(hub, hub.ask(), quality=quality)
    assert hub.ask() is None
    assert TrialState.PRUNED in states(tmp_path).values()


def test_a_trial_is_not_pruned_at_its_last_step(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    for quality in (0.6, 0.8):
        run_to_end(hub, hub.ask(), quality=quality)
    late = hub.ask().number
    for step, score in ((2, 0.9), (4, 0.9), (6, 0.01)):
        decision = hub.report(late, made_report(step, miou=score, f1=score))
    assert decision.reason == "final step reached"
    assert states(tmp_path)[late] == TrialState.COMPLETE


def test_the_record_equals_the_study(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    for quality in (0.6, 0.8, 0.1, 0.7):
        run_to_end(hub, hub.ask(), quality=quality)
    hub.fail(hub.ask().number, "diverged: made up")
    recorded = duckdb.sql(f"SELECT trial, state FROM '{tmp_path}/trials/*.parquet' ORDER BY trial").fetchall()
    assert recorded == [(number, state.name) for number, state in sorted(states(tmp_path).items())]
    values = duckdb.sql(
        f"""SELECT "value.grounding.miou", "value.text.token_f1" FROM '{tmp_path}/trials/*.parquet'
            WHERE state = 'COMPLETE' ORDER BY trial"""
    ).fetchall()
    complete = [t for t in studies(tmp_path).main.get_trials() if t.state == TrialState.COMPLETE]
    assert values == [tuple(trial.values) for trial in complete]


def test_a_report_is_in_the_record_before_the_study_hears_of_it(tmp_path, monkeypatch):
    hub = start_hub(made_spec(), tmp_path)
    config = hub.ask()
    monkeypatch.setattr(hub._trials, "set_attr", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        hub.report(config.number, made_report(2, miou=0.5, f1=0.5))
    assert list(read_sweep(tmp_path).reports["step"]) == [2]


def test_a_running_trial_of_a_dead_driver_goes_on_after_its_last_report_with_the_same_settings(tmp_path):
    first = start_hub(made_spec(), tmp_path)
    run_to_end(first, first.ask(), quality=0.5)
    running = first.ask()
    first.report(running.number, made_report(2, miou=0.5, f1=0.5))
    hub = start_hub(made_spec(), tmp_path)
    again = hub.ask()
    assert (again.number, again.attempt, again.from_step) == (running.number, 0, 2)
    assert again.model_copy(update={"from_step": 0}) == running
    for step in (4, 6):
        hub.report(again.number, made_report(step, miou=0.5 * step / 6, f1=0.5 * step / 6))
    tables = read_sweep(tmp_path)
    row = tables.trials.iloc[-1]
    assert (row["trial"], row["state"], row["seconds"], row["attempt"]) == (running.number, "COMPLETE", 6.0, 0)
    assert list(tables.reports.query(f"trial == {running.number}")["step"]) == [2, 4, 6]


def test_a_report_that_was_recorded_and_not_decided_on_is_decided_on_by_the_next_driver(tmp_path, monkeypatch):
    """The decision is the one that would have been made, and is made once."""
    first = start_hub(made_spec(), tmp_path)
    for quality in (0.6, 0.8):
        run_to_end(first, first.ask(), quality=quality)
    weak = first.ask()
    monkeypatch.setattr(first, "_decided", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        first.report(weak.number, made_report(2, miou=0.01, f1=0.01))
    hub = start_hub(made_spec(), tmp_path)
    assert states(tmp_path)[weak.number] == TrialState.PRUNED
    decisions = read_sweep(tmp_path).decisions.query(f"trial == {weak.number}")
    assert list(decisions["verdict"]) == ["STOP"]
    assert hub.ask().number == weak.number + 1


@pytest.mark.parametrize(("loss", "survived"), [("preempted", 5), ("node lost", 5), ("worker died", 1)])
def test_a_worker_that_is_gone_costs_a_retry_only_if_it_died_by_itself(tmp_path, loss, survived):
    hub = start_hub(made_spec(), tmp_path)
    config = hub.ask()
    hub.report(config.number, made_report(2, miou=0.5, f1=0.5))
    for _ in range(survived):
        hub.lose(config.number, "made up", loss=loss)
        again = hub.ask()
        assert (again.number, again.attempt, again.from_step) == (config.number, 0, 2)
    hub.lose(config.number, "made up", loss=loss)
    expected = TrialState.FAIL if loss == "worker died" else TrialState.RUNNING
    assert states(tmp_path)[config.number] == expected
    if loss == "worker died":
        assert read_sweep(tmp_path).trials.iloc[-1]["reason"] == "worker died: made up"


def test_a_trial_that_runs_out_of_memory_starts_again_once_with_halved_batches(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    config = hub.ask()
    hub.report(config.number, made_report(2, miou=0.5, f1=0.5))
    hub.fail(config.number, "out of memory: made up")
    again = hub.ask()
    assert (again.number, again.attempt, again.from_step) == (config.number, 1, 0)
    assert (again.training.batch, again.training.accumulation) == (config.training.batch // 2, 2)
    assert run_to_end(hub, again, quality=0.5).endswith("with batches halved after it ran out of memory")
    second = hub.ask()
    hub.fail(second.number, "out of memory: made up")
    hub.fail(hub.ask().number, "out of memory: made up")
    assert states(tmp_path)[second.number] == TrialState.FAIL


def test_the_checkpoint_of_a_trial_that_failed_is_removed(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    config = hub.ask()
    checkpoints = checkpoint_place(made_spec(), tmp_path).open()
    checkpoints.write(config.number, b"state")
    hub.report(config.number, made_report(2, miou=0.5, f1=0.5))
    assert checkpoints.numbers() == {config.number}
    hub.fail(config.number, "diverged: made up")
    assert not checkpoints.numbers()


def test_a_trial_killed_before_it_was_drawn_is_drawn_on_resume(tmp_path):
    first = start_hub(made_spec(), tmp_path)
    run_to_end(first, first.ask(), quality=0.5)
    studies(tmp_path).main.ask()
    again = start_hub(made_spec(), tmp_path).ask()
    assert (again.number, again.attempt, again.from_step) == (1, 0, 0)
    assert set(studies(tmp_path).main.get_trials()[1].params) >= {"optimizer.learning_rate", "mixture.giou.on"}


@pytest.mark.parametrize("died_after", ["report", "decision", "ending"])
def test_a_final_report_counts_wherever_the_driver_died_after_it(tmp_path, monkeypatch, died_after):
    first = start_hub(made_spec(), tmp_path)
    config = first.ask()
    for step in (2, 4):
        first.report(config.number, made_report(step, miou=0.4, f1=0.3))
    trials = first._trials
    target = {"report": (trials, "set_attr"), "decision": (first, "_end"), "ending": (trials, "tell")}
    monkeypatch.setattr(*target[died_after], lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        first.report(config.number, made_report(6, miou=0.6, f1=0.5))
    events = Events()
    start_hub(made_spec(), tmp_path, events=events)
    assert events.endings[0].values == (0.6, 0.5)
    assert states(tmp_path) == {0: TrialState.COMPLETE}
    assert studies(tmp_path).companion.get_trials()[0].value == pytest.approx(0.55)
    assert list(read_sweep(tmp_path).trials["trial"]) == [0]


def test_a_decision_to_stop_holds_after_the_driver_died(tmp_path, monkeypatch):
    first = start_hub(made_spec(), tmp_path)
    for quality in (0.6, 0.8):
        run_to_end(first, first.ask(), quality=quality)
    weak = first.ask()
    monkeypatch.setattr(first, "_end", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        first.report(weak.number, made_report(2, miou=0.01, f1=0.01))
    start_hub(made_spec(), tmp_path)
    assert states(tmp_path)[weak.number] == TrialState.PRUNED
    assert studies(tmp_path).companion.get_trials()[-1].state == TrialState.PRUNED


def test_at_the_time_limit_trials_are_left_to_be_resumed(tmp_path):
    first = start_hub(made_spec(), tmp_path)
    config = first.ask()
    first._is_over = lambda: True
    decision = first.report(config.number, made_report(2, miou=0.5, f1=0.5))
    assert (decision.verdict, first.ask()) == ("SUSPEND", None)
    assert states(tmp_path) == {0: TrialState.RUNNING}
    assert start_hub(made_spec(), tmp_path).ask().number == 0


def test_an_objective_that_does_not_apply_fails_the_trial_without_a_score(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    report = made_report(2, miou=0.5, f1=0.5)
    del report.metrics["text.token_f1"]
    decision = hub.report(hub.ask().number, report)
    row = read_sweep(tmp_path).trials.iloc[0]
    assert decision.verdict == "STOP"
    assert (row["state"], row["value.grounding.miou"] != row["value.grounding.miou"]) == ("FAIL", True)
    assert "text.token_f1 does not apply" in row["reason"]


def test_settings_that_do_not_fit_together_fail_and_the_next_trial_is_asked(tmp_path):
    space = {"dimensions": {f"mixture.{term}.on": {"values": (False,)} for term in ("text_ce", "box_ce")}}
    spec = made_spec(trials=3).model_copy(update={"space": type(made_spec().space).model_validate(space)})
    hub = start_hub(spec, tmp_path)
    assert hub.ask().number == 0
    assert hub.ask() is None
    assert [state.name for state in states(tmp_path).values()] == ["RUNNING", "FAIL", "FAIL"]


def test_a_sweep_whose_first_trials_all_fail_gives_up(tmp_path):
    hub = start_hub(made_spec(trials=20), tmp_path)
    for _ in range(3):
        hub.fail(hub.ask().number, "bad data: no such image")
    assert hub.is_hopeless
    assert hub.ask() is None
    assert hub.last_failure() == "bad data: no such image"


def test_resuming_asks_for_the_points_that_an_uninterrupted_sweep_would_ask_for(tmp_path):
    spec = made_spec(trials=8, sampler={"startup_trials": 2}, pruner={"name": "none"})

    def points(folder, *, restart):
        hub, found = start_hub(spec, folder), []
        while config := hub.ask():
            found.append(config)
            run_to_end(hub, config, quality=config.optimizer.learning_rate * 50)
            hub = start_hub(spec, folder) if restart else hub
        return found

    assert points(tmp_path / "whole", restart=False) == points(tmp_path / "pieces", restart=True)


def test_the_study_uses_a_write_ahead_log(tmp_path):
    start_hub(made_spec(), tmp_path)
    assert (tmp_path / "study.db").read_bytes()[18:20] == b"\x02\x02"  # SQLite file format 1.3: 2 is WAL


def test_optuna_itself_refuses_to_report_to_a_study_of_two_objectives(tmp_path):
    trial = studies(tmp_path).main.ask()
    with pytest.raises(NotImplementedError):
        trial.report(0.5, 1)


def test_an_unfinished_version_of_optuna_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(optuna, "__version__", "6.0.0")
    with pytest.raises(Exception, match=r"tested with Optuna 5\.0; found 6\.0\.0"):
        studies(tmp_path)


def test_no_trial_starts_and_running_ones_stop_once_the_hours_of_gpus_are_spent(tmp_path):
    spec = made_spec(gpu_hours=5 / 3600)
    resources = spec.trial.resources.model_copy(update={"gpus": 1.0})
    spec = spec.model_copy(update={"trial": spec.trial.model_copy(update={"resources": resources})})
    hub = start_hub(spec, tmp_path)
    config = hub.ask()
    verdicts = [hub.report(config.number, made_report(step, miou=0.5, f1=0.5)).verdict for step in (2, 4, 6)]
    assert verdicts == ["CONTINUE", "CONTINUE", "STOP"]  # six seconds, the last step over the limit
    assert hub.gpu_hours == 6 / 3600
    assert hub.ask() is None
    assert start_hub(spec, tmp_path).ask() is None  # a resumed sweep has not more


def answered(report, *answers):
    parts = {"grounding.miou": 0.5}, {"grounding.miou": 1.0}
    return dataclasses.replace(report, predictions=tuple(Prediction(item, "x", (), *parts) for item in answers))


def test_the_answers_behind_a_last_report_are_recorded_before_it(tmp_path, monkeypatch):
    hub = start_hub(made_spec(), tmp_path)
    number = hub.ask().number
    written = []
    for name in ("append_predictions", "append_report", "append_decision", "append_trial"):
        write = getattr(RecordWriter, name)
        monkeypatch.setattr(
            RecordWriter, name, lambda self, row, name=name, write=write: (written.append(name), write(self, row))
        )
    for step in (2, 4):
        hub.report(number, made_report(step, miou=0.1, f1=0.1))
    assert "append_predictions" not in written
    written.clear()
    hub.report(number, answered(made_report(6, miou=0.5, f1=0.5), "a#1", "a#2"))
    assert written == ["append_predictions", "append_report", "append_decision", "append_trial"]
    rows = read_predictions(tmp_path)
    assert rows[["trial", "attempt", "step", "split", "item"]].values.tolist() == [
        [0, 0, 6, "search", "a#1"],
        [0, 0, 6, "search", "a#2"],
    ]
    assert rows["run"].isna().all()


def test_a_trial_that_fails_at_its_last_report_leaves_no_answers(tmp_path):
    hub = start_hub(made_spec(), tmp_path)
    number = hub.ask().number
    hub.report(number, answered(made_report(6, miou=float("nan"), f1=0.5), "a#1"))
    assert read_sweep(tmp_path).trials["state"].tolist() == ["FAIL"]
    assert len(read_predictions(tmp_path)) == 0


def test_a_driver_that_dies_between_answers_and_report_records_neither_twice(tmp_path, monkeypatch):
    hub = start_hub(made_spec(), tmp_path)
    number = hub.ask().number
    last = answered(made_report(6, miou=0.5, f1=0.5), "a#1")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RecordWriter, "append_report", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        hub.report(number, last)
    again = start_hub(made_spec(), tmp_path)
    assert again.ask().number == number
    again.report(number, last)
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/predictions/*.parquet'").fetchall() == [(1,)]
    assert read_sweep(tmp_path).trials["state"].tolist() == ["COMPLETE"]


def test_a_last_report_without_its_answers_completes_a_trial_with_a_warning(tmp_path, caplog):
    hub = start_hub(made_spec(), tmp_path)
    hub.report(hub.ask().number, made_report(6, miou=0.5, f1=0.5))
    assert "trial 0 completes, but its worker gave no answers" in caplog.text
    again = start_hub(made_spec(), tmp_path)
    assert again.completed == 1 and len(read_predictions(tmp_path)) == 0
