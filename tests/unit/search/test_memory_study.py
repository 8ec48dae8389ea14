import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search.memory_study import QuickStorage, memory_studies


def searched(storage):
    """Run a small study of two objectives in which every fourth trial is pruned."""
    study = optuna.create_study(
        storage=storage, directions=["maximize", "minimize"], sampler=TPESampler(seed=1, n_startup_trials=4)
    )
    study.enqueue_trial({"x": 0.25})
    for number in range(16):
        trial = study.ask()
        x, kind = trial.suggest_float("x", 0.0, 1.0), trial.suggest_categorical("kind", ["a", "b"])
        trial.set_user_attr("vector", [x, number])
        if number % 4 == 3:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, [x, (x - 0.5) ** 2 + (kind == "a")])
    return [(each.number, each.state, each.params, each.values, each.user_attrs) for each in study.get_trials()]


def test_a_search_in_it_is_that_in_optunas_own_storage():
    assert searched(QuickStorage()) == searched(InMemoryStorage())


def test_a_trial_that_has_ended_takes_no_attribute():
    study = memory_studies(["maximize", "maximize"]).main
    trial = study.ask()
    trial.set_user_attr("before", 1)
    study.tell(trial, [0.1, 0.2])
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        trial.set_user_attr("after", 2)
    assert study.get_trials()[0].user_attrs == {"before": 1}


def test_a_copy_of_a_trial_does_not_hear_of_later_attributes():
    study = memory_studies(["maximize", "maximize"]).main
    trial = study.ask()
    trial.set_user_attr("first", 1)
    (copied,) = study.get_trials()
    trial.set_user_attr("second", 2)
    assert copied.user_attrs == {"first": 1}
    assert study.get_trials()[0].user_attrs == {"first": 1, "second": 2}
