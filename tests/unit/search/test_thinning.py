"""What TPE looks at after many trials."""

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.samplers import TPESampler
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace
from optuna.trial import TrialState, create_trial

from search.observations import Observations
from search.samplers import make_sampler
from search.spec import SamplerConfig
from search.thinning import MOST_SEEN, ThinnedTPESampler, thinned

DIRECTIONS = ["maximize", "maximize"]


def made_study(count, *, seed=0, pruned=0.3):
    draw = np.random.default_rng(seed)
    study = optuna.create_study(directions=DIRECTIONS)
    for _ in range(count):
        rate, gate = float(draw.uniform(0, 1)), bool(draw.integers(2))
        is_pruned = draw.uniform() < pruned
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if is_pruned else TrialState.COMPLETE,
                values=None if is_pruned else [rate, 1 - rate + 0.1 * float(draw.normal())],
                params={"rate": rate, "gate": gate},
                distributions={
                    "rate": FloatDistribution(0, 1),
                    "gate": CategoricalDistribution((True, False)),
                },
            )
        )
    return study


def proposal(study, sampler):
    study.sampler = sampler
    trial = study.ask()
    point = (trial.suggest_float("rate", 0, 1), trial.suggest_categorical("gate", (True, False)))
    study.tell(trial, state=TrialState.FAIL)
    return point


@pytest.mark.parametrize("count", [0, 12, MOST_SEEN])
def test_up_to_the_limit_it_proposes_what_optunas_own_tpe_does(count):
    study, settings = made_study(count), {"n_startup_trials": 10, "multivariate": True, "group": True, "seed": 3}
    assert proposal(study, ThinnedTPESampler(**settings)) == proposal(study, TPESampler(**settings))


def test_beyond_it_the_best_layers_and_an_even_part_of_the_others_are_seen():
    study = made_study(1500)
    kept = thinned(study.get_trials(), DIRECTIONS)
    assert len(kept) == MOST_SEEN
    assert [trial.number for trial in kept] == sorted({trial.number for trial in kept})
    best = {trial.number for trial in study.best_trials}
    assert 3 < len(best) < 75
    assert best <= {trial.number for trial in kept}
    stopped = sum(trial.state == TrialState.PRUNED for trial in kept) / (MOST_SEEN - 75)
    share = sum(trial.state == TrialState.PRUNED for trial in study.get_trials()) / (1500 - 75)
    assert stopped == pytest.approx(share, abs=0.1)
    halves = [trial.number < 750 for trial in kept]
    assert 0.4 < sum(halves) / len(halves) < 0.6


def test_trials_that_violate_no_constraint_come_first():
    study = optuna.create_study(directions=DIRECTIONS)
    for at in range(1000):
        is_feasible = at % 20 == 0
        score = 0.1 if is_feasible else 0.9 + at * 1e-5
        study.add_trial(create_trial(values=[score, score], constraints={"text": -0.1 if is_feasible else 0.5}))
    kept = {trial.number for trial in thinned(study.get_trials(), DIRECTIONS)}
    assert {at for at in range(1000) if at % 20 == 0} <= kept


def test_trials_that_run_are_all_seen():
    study = made_study(MOST_SEEN + 50)
    for _ in range(5):
        study.ask()
    states = [trial.state for trial in thinned(study.get_trials(), DIRECTIONS)]
    assert states.count(TrialState.RUNNING) == 5


def test_it_depends_on_the_trials_alone():
    study = made_study(900)
    config = SamplerConfig(name="tpe")
    points = {proposal(study, make_sampler(config, seed=5)) for _ in range(3)}
    assert len(points) == 1


def test_a_thinned_sampler_still_prefers_what_was_good():
    """Only a small rate is good in both objectives; TPE on the part that it sees must find that out."""
    study = optuna.create_study(directions=DIRECTIONS)
    draw = np.random.default_rng(1)
    for rate in draw.uniform(0, 1, 1200):
        study.add_trial(
            create_trial(
                values=[1 - float(rate), 1 - float(rate)],
                params={"rate": float(rate), "gate": True},
                distributions={"rate": FloatDistribution(0, 1), "gate": CategoricalDistribution((True, False))},
            )
        )
    rates = [proposal(study, make_sampler(SamplerConfig(name="tpe"), seed=seed))[0] for seed in range(10)]
    assert np.median(rates) < 0.1


GATES = ("giou", "ntl", "focal")


def gated_point(trial):
    """Draw a point of a space with conditions, from Optuna's trial or for one that is made."""
    point = [trial.suggest_float("rate", 1e-4, 1, log=True), trial.suggest_categorical("kind", ("a", None, 3))]
    if point[-1] == "a":
        point.append(trial.suggest_int("rank", 1, 64, log=True))
        point.append(trial.suggest_categorical("bias", (True, False)))
    for gate in GATES:
        if trial.suggest_categorical(f"{gate}.on", (True, False)):
            point.append(trial.suggest_float(f"{gate}.weight", 0, 1))
            if point[-1] > 0.5:
                point.append(trial.suggest_int(f"{gate}.steps", 1, 9))
    return tuple(point)


def run(make, *, asks, pending):
    """Ask and tell in a space with conditions, some trials running, violating a constraint, stopped or failed."""
    study, proposed, draw = optuna.create_study(directions=DIRECTIONS), [], np.random.default_rng(3)
    for number in range(asks):
        study.sampler = make(number)
        trial = study.ask()
        proposed.append(gated_point(trial))
        if number % 3 == 0:
            trial.set_constraint("drop", float(draw.normal()))
        if number < asks - pending or number % 2:
            ending = number % 7
            if ending < 4:
                study.tell(trial, (float(draw.normal()), -proposed[-1][0]))
            else:
                study.tell(trial, state=TrialState.FAIL if ending == 6 else TrialState.PRUNED)
    return proposed


@pytest.mark.parametrize("settings", [{"group": True, "multivariate": True}, {"multivariate": True}, {}])
def test_in_a_space_with_conditions_it_proposes_what_optunas_own_tpe_does(settings):
    kept = Observations()
    settings = {"n_startup_trials": 5, "constant_liar": True, **settings}
    expected = run(lambda seed: TPESampler(seed=seed, **settings), asks=60, pending=12)
    assert run(lambda seed: ThinnedTPESampler(kept, seed=seed, **settings), asks=60, pending=12) == expected
    assert run(lambda seed: ThinnedTPESampler(seed=seed, **settings), asks=60, pending=12) == expected
    assert len(set(expected)) == 60


@given(st.lists(st.sets(st.sampled_from("abcdefgh")), max_size=12))
def test_groups_are_optunas_in_optunas_order(sets):
    study = optuna.create_study(directions=DIRECTIONS)
    for at, names in enumerate(sets):
        distributions = {name: FloatDistribution(0, 1 + at) for name in names}
        study.add_trial(create_trial(values=[0.0, 0.0], params=dict.fromkeys(names, 0.5), distributions=distributions))
    expected = _GroupDecomposedSearchSpace().calculate(study).search_spaces
    assert Observations().groups(study.get_trials()) == expected
