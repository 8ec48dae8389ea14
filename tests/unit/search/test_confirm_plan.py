"""What a confirmation runs, chosen from made-up sweeps."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from made_search import made_spec
from made_sweep import COLUMNS, baseline, complete, failed, make_sweep, pruned

from results import read_sweep
from results.summary import summarise
from search.confirm_plan import (
    MOST_SETTINGS,
    best_static,
    choose_settings,
    make_plan,
    new_seeds,
    read_plan,
    write_plan,
)
from search.errors import ConfirmError

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
WEIGHTING = "mixture.weighting.name"
WIDE = replace(COLUMNS, params={**COLUMNS.params, WEIGHTING: "str"})


def of(number, weighting="famo"):
    return {"adapter.rank": number, WEIGHTING: weighting}


def chosen(folder, trials, probabilities):
    tables = read_sweep(make_sweep(folder, trials, columns=WIDE))
    return choose_settings(summarise(tables), tables, probabilities)


SWEEP = [
    baseline(0.5, 0.5, params=of(0, "static")),
    complete(0.9, 0.2, params=of(1)),  # on the front
    complete(0.85, 0.19, params=of(2)),  # just behind it
    complete(0.2, 0.9, params=of(3)),  # on the front
    complete(0.6, 0.6, params=of(4, "static")),  # on the front, the best static one
    complete(0.55, 0.4, params=of(5, "static")),
    pruned(20, 0.9, 0.9, params=of(6)),
    failed(params=of(7)),
]


def test_the_list_is_baseline_best_static_front_and_what_may_be_on_it(tmp_path):
    settings, left_out = chosen(tmp_path, SWEEP, {1: 0.7, 3: 0.9, 4: 0.95, 2: 0.21, 5: 0.2})
    assert [(setting.trial, setting.why, setting.probability) for setting in settings] == [
        (0, ("baseline",), None),
        (4, ("best static", "front"), 0.95),
        (3, ("front",), 0.9),
        (1, ("front",), 0.7),
        (2, ("may be on the front",), 0.21),
    ]
    assert left_out == []


def test_without_probabilities_it_is_baseline_best_static_and_front(tmp_path):
    settings, _ = chosen(tmp_path, SWEEP, {})
    assert [setting.trial for setting in settings] == [0, 4, 1, 3]


def test_a_sweep_whose_baseline_failed_is_confirmed_without(tmp_path):
    settings, _ = chosen(tmp_path, [failed(role="baseline"), *SWEEP[1:]], {})
    assert [setting.trial for setting in settings] == [4, 1, 3]


def test_beyond_twelve_the_least_probable_are_left_out_and_named(tmp_path):
    many = [complete(0.6 + 0.02 * n, 0.9 - 0.02 * n, params=of(n + 1)) for n in range(14)]
    probabilities = {n: n / 20 for n in range(1, 15)}
    settings, left_out = chosen(tmp_path, [baseline(0.5, 0.5, params=of(0, "static")), *many], probabilities)
    assert [setting.trial for setting in settings] == [0, *range(14, 3, -1)] and len(settings) == MOST_SETTINGS
    assert [(one.trial, one.why) for one in left_out] == [(n, "beyond 12 settings") for n in (3, 2, 1)]


def test_a_clone_is_not_confirmed_beside_what_it_repeats(tmp_path):
    clone = complete(0.89, 0.21, role="clone", params=of(1))
    settings, left_out = chosen(tmp_path, [*SWEEP, clone], {1: 0.6, 8: 0.5})
    assert 1 in [setting.trial for setting in settings]
    assert [(one.trial, one.why) for one in left_out] == [(8, "it has the settings of trial 1")]


def test_the_best_static_trial_dominates_most_from_the_reports_reference_point(tmp_path):
    trials = [
        SWEEP[0],
        *(complete(*point, params=of(n, "static")) for n, point in enumerate([(0.7, 0.5), (0.6, 0.65)], 1)),
    ]
    tables = read_sweep(make_sweep(tmp_path, trials, columns=WIDE))
    # from (0.45, 0.45): 0.25 * 0.05 against 0.15 * 0.2
    assert best_static(summarise(tables), tables).trial == 2


def test_where_no_static_trial_is_better_than_the_reference_the_worst_scores_are_the_reference(tmp_path):
    trials = [
        SWEEP[0],
        *(complete(*point, params=of(n, "static")) for n, point in enumerate([(0.3, 0.1), (0.1, 0.2)], 1)),
    ]
    trials.append(complete(0.05, 0.05, params=of(9)))
    tables = read_sweep(make_sweep(tmp_path, trials, columns=WIDE))
    # from (0.05, 0.05): 0.25 * 0.05 against 0.05 * 0.15
    assert best_static(summarise(tables), tables).trial == 1


def test_a_sweep_whose_weighting_is_always_static_or_never_recorded(tmp_path):
    tables = read_sweep(make_sweep(tmp_path, [baseline(0.5, 0.5), complete(0.6, 0.4)]))
    assert best_static(summarise(tables), tables) is None


def test_seeds_are_new_shared_by_all_settings_and_the_same_every_time(tmp_path):
    spec = made_spec(seed=7)
    folder = make_sweep(tmp_path, SWEEP, columns=WIDE)
    plan = make_plan(folder, spec, read_sweep(folder), seeds=3, asked=None, now=NOW)
    assert [run.run for run in plan.runs] == list(range(3 * len(plan.settings)))
    by_trial = {trial: [run.seed for run in plan.runs if run.trial == trial] for trial in plan.trials}
    (seeds,) = {tuple(seeds) for seeds in by_trial.values()}
    assert len(set(seeds)) == 3 == plan.seeds
    assert list(seeds) == new_seeds(7, count=3, taken=set())
    taken = new_seeds(7, count=5, taken={seeds[0], seeds[2]})
    assert not {seeds[0], seeds[2]} & set(taken) and taken[0] == seeds[1]
    assert new_seeds(8, count=3, taken=set()) != list(seeds)


def test_a_plan_survives_its_file_and_says_that_probabilities_are_unknown(tmp_path):
    folder = make_sweep(tmp_path, SWEEP, columns=WIDE)
    plan = make_plan(folder, made_spec(), read_sweep(folder), seeds=4, asked=None, now=NOW)
    assert "P(non-dominated) is unknown" in plan.notes[0]
    assert read_plan(tmp_path) is None
    write_plan(tmp_path, plan)
    assert read_plan(tmp_path) == plan


def test_a_user_may_choose_the_trials(tmp_path):
    folder = make_sweep(tmp_path, SWEEP, columns=WIDE)
    plan = make_plan(folder, made_spec(), read_sweep(folder), seeds=3, asked=[5, 2, 5], now=NOW)
    assert plan.trials == (5, 2) and {setting.why for setting in plan.settings} == {("asked for",)}


@pytest.mark.parametrize(
    ("trials", "seeds", "asked", "words"),
    [
        (SWEEP, 2, None, r"--seeds must be at least 3.* got 2"),
        (SWEEP, 3, [6], r"--trials: trial 6 is PRUNED; completed trials are 0, 1, 2, 3, 4, 5"),
        (SWEEP, 3, [99], r"--trials: the sweep has no ended trial 99; completed"),
        ([pruned(10, 0.1, 0.1)], 3, None, r"no trial has completed"),
    ],
)
def test_what_can_not_be_confirmed_is_refused(tmp_path, trials, seeds, asked, words):
    folder = make_sweep(tmp_path, trials, columns=WIDE)
    with pytest.raises(ConfirmError, match=words):
        make_plan(folder, made_spec(), read_sweep(folder), seeds=seeds, asked=asked, now=NOW)


@pytest.mark.parametrize("text", ["", "{}", '{"settings": 3}'])
def test_a_damaged_plan_is_an_error_that_names_it(tmp_path, text):
    (tmp_path / "confirm.json").write_text(text)
    with pytest.raises(ConfirmError, match=r"confirm.json is damaged: .*restore it"):
        read_plan(tmp_path)
