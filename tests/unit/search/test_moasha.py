import pytest
from made_curves import curve, pool_of

from search.pruners.moasha import MoashaPruner


def is_stopped(vector, others, *, step=2, warmup=0, steps=(2, 4, 6)):
    pruner = MoashaPruner(steps=steps, warmup_trials=warmup)
    pool = pool_of([], others=[curve(number, {step: other}) for number, other in enumerate(others)])
    return pruner.reason_to_stop(curve(99, {step: vector}), pool) is not None


def test_the_better_half_by_layers_goes_on():
    front, second = [(0.9, 0.1), (0.1, 0.9)], [(0.8, 0.05), (0.05, 0.8)]
    assert not is_stopped((0.5, 0.5), [*front, *second, (0.0, 0.0)])  # three of six go on: the first layer
    assert is_stopped((0.04, 0.04), [*front, *second, (0.0, 0.0)])


def test_the_layer_that_is_cut_keeps_what_is_far_apart():
    front = [(0.9, 0.1), (0.1, 0.9), (0.8, 0.2), (0.7, 0.3)]
    # ranks from 0: (4, 0), (0, 4), (3, 1), (2, 2) and the new one's place; two of five go on: best in the first
    # objective, then the farthest from it
    assert is_stopped((0.75, 0.25), front)
    assert not is_stopped((0.05, 0.95), front)


def test_alone_at_its_rung_a_trial_goes_on():
    assert not is_stopped((0.0, 0.0), [])


def test_nothing_is_stopped_before_enough_trials_finished():
    assert is_stopped((0.0, 0.0), [(0.5, 0.5)])
    assert not is_stopped((0.0, 0.0), [(0.5, 0.5)], warmup=1)


@pytest.mark.parametrize(("step", "expected"), [(2, True), (3, False), (4, True), (6, False), (8, True)])
def test_it_judges_where_the_steps_have_doubled(step, expected):
    assert is_stopped((0.0, 0.0), [(0.5, 0.5)], step=step, steps=(2, 3, 4, 6, 8, 10)) == expected


def test_two_equal_trials_are_told_apart_by_their_numbers():
    assert is_stopped((0.5, 0.5), [(0.5, 0.5)])
