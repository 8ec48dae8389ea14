"""Earlier sweeps as what the sampler knows from the start."""

import optuna
import pytest
from made_search import SPACE, made_report, made_spec, run_to_end
from optuna.trial import TrialState

from results import read_sweep, write_sweep_json
from search.errors import WarmStartError
from search.recorder import record_columns
from search.recovery import open_hub
from search.spec import SweepSpec
from search.study import open_studies
from search.sweep_spec import SPEC_KEY
from search.warm_start import read_warm_starts
from spaces import SearchSpace


class Deaf:
    def started(self, config):
        pass

    def reported(self, config, report):
        pass

    def ended(self, config, ending):
        pass


def start(spec, folder, *, data_hash="feed"):
    folder.mkdir(exist_ok=True)
    if not (folder / "sweep.json").exists():
        metadata = {SPEC_KEY: spec.model_dump_json(), "data_hash": data_hash}
        write_sweep_json(folder, record_columns(spec), metadata=metadata)
    return open_hub(spec, folder, listener=Deaf(), is_over=lambda: False)


def study_of(folder):
    return open_studies(folder, storage=None, directions=["maximize", "maximize"]).main


@pytest.fixture
def earlier(tmp_path):
    """Give a finished sweep of ten trials: complete, stopped and failed ones."""
    hub = start(made_spec(trials=10, seed=3), tmp_path / "earlier")
    while (config := hub.ask()) is not None:
        if config.number == 5:
            hub.fail(5, "diverged: made up")
        else:
            run_to_end(hub, config, quality=(config.optimizer.learning_rate * 1e5) % 1)
    states = set(read_sweep(tmp_path / "earlier").trials["state"])
    assert states == {"COMPLETE", "PRUNED", "FAIL"}
    return tmp_path / "earlier"


def warm(earlier, **search):
    return made_spec(warm_start=(str(earlier),), **search)


def test_every_trial_carries_over_into_the_same_space_but_those_that_failed(earlier):
    (carried,) = read_warm_starts(warm(earlier), data_hash="feed")
    before = [trial for trial in study_of(earlier).get_trials() if trial.state != TrialState.FAIL]
    assert [(one.state, one.values, one.params, one.distributions) for one in carried.trials] == [
        (one.state, one.values, one.params, one.distributions) for one in before
    ]
    assert carried.lines() == [f"warm start from {earlier}: 9 of 10 trials carry over", "  1 not: failed there"]


def test_what_does_not_fit_is_listed_by_reason(earlier):
    narrow = {**SPACE["dimensions"], "optimizer.learning_rate": {"low": 5e-4, "high": 1e-2, "log": True}}
    spec = warm(earlier).model_copy(update={"space": SearchSpace.model_validate({"dimensions": narrow})})
    (carried,) = read_warm_starts(spec, data_hash="feed")
    rates = read_sweep(earlier).trials.query("state != 'FAIL'")["param.optimizer.learning_rate"]
    outside = int((rates < 5e-4).sum())
    assert 0 < outside < 9
    assert carried.left == {"optimizer.learning_rate is outside its range here": outside, "failed there": 1}
    assert len(carried.trials) == 9 - outside


def test_a_gate_that_stands_here_leaves_out_what_it_rules_out(earlier):
    dimensions = {"optimizer.learning_rate": SPACE["dimensions"]["optimizer.learning_rate"]}
    spec = warm(earlier).model_copy(update={"space": SearchSpace.model_validate({"dimensions": dimensions})})
    (carried,) = read_warm_starts(spec, data_hash="feed")
    gated = read_sweep(earlier).trials.query("state != 'FAIL' and `param.mixture.giou.on`")
    assert carried.left == {"mixture.giou.on is True there and is False here": len(gated), "failed there": 1}


def test_a_new_dimension_starts_at_the_value_that_it_had(earlier):
    dimensions = {**SPACE["dimensions"], "adapter.rank": {"values": (8, 16, 64)}}
    spec = warm(earlier).model_copy(update={"space": SearchSpace.model_validate({"dimensions": dimensions})})
    (carried,) = read_warm_starts(spec, data_hash="feed")
    ranks = {trial.params["adapter.rank"] for trial in carried.trials}
    assert ranks == {made_spec().space.baseline()["adapter.rank"]}


def test_imported_trials_cost_no_budget_and_take_no_number(earlier, tmp_path):
    hub = start(warm(earlier, trials=3), tmp_path / "new")
    numbers = []
    while (config := hub.ask()) is not None:
        numbers.append(config.number)
        run_to_end(hub, config, quality=0.5)
    assert numbers == [0, 1, 2]
    rows = read_sweep(tmp_path / "new").trials
    assert list(rows["trial"]) == [0, 1, 2]
    assert list(rows["role"]) == ["baseline", "search", "search"]
    trials = study_of(tmp_path / "new").get_trials()
    assert [trial.user_attrs.get("imported", {}).get("trial") for trial in trials] == [
        *(number for number in range(10) if number != 5),
        *[None] * 3,
    ]


def test_the_sampler_learns_from_imported_trials(earlier, tmp_path):
    """The startup trials are there already, so TPE proposes at once, and not what it would have without them."""
    sampler = {"name": "tpe", "startup_trials": 5}
    cold = start(made_spec(trials=3, sampler=sampler), tmp_path / "cold")
    hub = start(warm(earlier, trials=3, sampler=sampler), tmp_path / "warm")
    pairs = [(cold.ask(), hub.ask()) for _ in range(3)]
    assert pairs[0][0].optimizer == pairs[0][1].optimizer  # the baseline
    assert all(one.optimizer != other.optimizer for one, other in pairs[1:])
    study = study_of(tmp_path / "warm")
    assert len(study.best_trials) > 0


def test_a_resumed_warm_sweep_goes_on_as_one_that_was_not_interrupted(earlier, tmp_path):
    spec = warm(earlier, trials=6)

    def drive(folder, *, restart):
        hub, found = start(spec, folder), []
        while (config := hub.ask()) is not None:
            found.append(config)
            run_to_end(hub, config, quality=(config.optimizer.learning_rate * 1e5) % 1)
            hub = start(spec, folder) if restart else hub
        return found

    assert drive(tmp_path / "whole", restart=False) == drive(tmp_path / "pieces", restart=True)


@pytest.mark.parametrize("survived", [0, 4, 9])
def test_a_driver_that_dies_while_it_imports_imports_the_rest(earlier, tmp_path, monkeypatch, survived):
    spec, calls, add = warm(earlier, trials=2), [], optuna.Study.add_trial

    def dying(study, trial):
        if len(calls) == survived:
            raise KeyboardInterrupt
        calls.append(trial)
        add(study, trial)

    monkeypatch.setattr(optuna.Study, "add_trial", dying)
    if survived == 9:
        monkeypatch.setattr(optuna.Study, "set_user_attr", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        start(spec, tmp_path / "new")
    monkeypatch.undo()
    hub = start(spec, tmp_path / "new")
    assert hub.ask().number == 0
    assert len(study_of(tmp_path / "new").get_trials()) == 10
    start(spec, tmp_path / "new")
    assert len(study_of(tmp_path / "new").get_trials()) == 10


def test_constraints_are_those_of_the_earlier_baseline(earlier):
    spec = warm(earlier, constraints=[{"metric": "text.token_f1", "max_drop": 0.05}])
    (carried,) = read_warm_starts(spec, data_hash="feed")
    values = {one.user_attrs["imported"]["trial"]: one for one in carried.trials if one.values}
    own = values[0].values[1]
    for trial in values.values():
        assert trial.constraints == {"text.token_f1": pytest.approx(own - trial.values[1] - 0.05)}


def test_scores_of_other_data_steps_or_objectives_are_refused_with_all_differences(earlier):
    spec = warm(earlier)
    spec = SweepSpec.model_validate({**spec.model_dump(), "objectives": ["grounding.acc50", "text.token_f1"]})
    spec = spec.model_copy(update={"trial": spec.trial.model_copy(update={"steps": 12})})
    with pytest.raises(WarmStartError) as caught:
        read_warm_starts(spec, data_hash="beef")
    text = str(caught.value)
    assert "objectives (grounding.miou, text.token_f1 there, grounding.acc50, text.token_f1 here)" in text
    assert "trial.steps (6 there, 12 here)" in text
    assert "the data (feed there, beef here)" in text


def test_a_folder_that_is_no_sweep_is_named(tmp_path):
    with pytest.raises(WarmStartError, match=r"search\.warm_start: .*nowhere is no sweep: it has no sweep\.json"):
        read_warm_starts(warm(tmp_path / "nowhere"), data_hash="feed")


def test_live_requests_and_recovery_count_from_the_sweeps_own_first_trial(earlier, tmp_path):
    hub = start(warm(earlier, trials=3), tmp_path / "new")
    number = hub.ask().number
    hub.report(number, made_report(2, miou=0.5, f1=0.5))
    again = start(warm(earlier, trials=3), tmp_path / "new").ask()
    assert (again.number, again.from_step) == (0, 2)
