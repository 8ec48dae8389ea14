import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from search.companion import Companion, unit_score
from search.recorder import Ending
from spaces import TrialConfig

METRICS = ("grounding.miou", "text.token_f1")


@pytest.mark.parametrize(
    ("metric", "signed", "expected"),
    [
        ("grounding.miou", 0.25, 0.25),
        ("grounding.parse_failure_rate", -0.25, 0.75),
        ("text.perplexity", -1.0, 1.0),
        ("text.perplexity", -4.0, 0.25),
        ("text.perplexity", -1e304, 0.0),
    ],
)
def test_every_score_lies_between_the_worst_and_the_best(metric, signed, expected):
    assert unit_score(metric, signed) == pytest.approx(expected)


def test_a_larger_signed_score_is_never_worse():
    scores = [unit_score("text.perplexity", -value) for value in (100.0, 10.0, 3.0, 1.5)]
    assert scores == sorted(scores)


class CountingStorage(InMemoryStorage):
    """Counts how often all trials are read."""

    def __init__(self):
        super().__init__()
        self.reads = 0

    def get_all_trials(self, study_id, deepcopy=True, states=None):
        self.reads += 1
        return super().get_all_trials(study_id, deepcopy, states)


def config_of(number, *, attempt=0):
    plain = {"model": {}, "data": {"sources": [{"source": "shapes"}]}, "training": {"steps": 4, "rungs": (2,)}}
    return TrialConfig.model_validate({"number": number, "attempt": attempt, **plain})


def run_trials(companion, numbers):
    for number in numbers:
        companion.go_on(config_of(number), {})
        companion.report(number, 2, (0.5, 0.5))
        companion.end(number, (0.5, 0.7), Ending("COMPLETE", "", (0.5, 0.7)))


def test_no_trial_makes_it_read_the_whole_study():
    study = optuna.create_study(storage=CountingStorage(), direction="maximize")
    run_trials(Companion(study, METRICS), range(3))
    companion, storage = Companion(study, METRICS), study._storage
    storage.reads = 0
    run_trials(companion, range(3, 20))
    assert storage.reads == 0
    assert [trial.value for trial in study.trials] == pytest.approx([0.6] * 20)


def test_a_new_driver_goes_on_with_the_open_curve_of_an_attempt():
    study = optuna.create_study(direction="maximize")
    first = Companion(study, METRICS)
    first.go_on(config_of(7), {})
    first.report(7, 2, (0.5, 0.5))
    Companion(study, METRICS).go_on(config_of(7), {2: (0.5, 0.5), 3: (0.1, 0.3)})
    (curve,) = study.trials
    assert curve.intermediate_values == pytest.approx({2: 0.5, 3: 0.2})
    assert curve.user_attrs == {"trial": 7, "attempt": 0}


def test_another_attempt_closes_the_curve_of_the_one_before():
    study = optuna.create_study(direction="maximize")
    Companion(study, METRICS).go_on(config_of(7), {})
    Companion(study, METRICS).go_on(config_of(7, attempt=1), {})
    assert [(curve.state, curve.user_attrs["attempt"]) for curve in study.trials] == [
        (TrialState.FAIL, 0),
        (TrialState.RUNNING, 1),
    ]
