import pytest
from made_curves import curve, pool_of

from search.pruners.eod import OptimisticDominancePruner

FINISHED = [
    curve(0, {2: (0.2, 0.5), 10: (0.4, 0.6)}),  # gains .2 and .1 from exposure .2
    curve(1, {2: (0.5, 0.5), 10: (0.6, 0.7)}),  # gains .1 and .2
    curve(2, {2: (0.3, 0.3), 10: (0.2, 0.3)}),  # gains -.1 and 0
]
POOL = pool_of(FINISHED)


def is_stopped(vector, *, pool=POOL, warmup=3, quantile=1.0, exposure=(0.2, 0.2)):
    pruner = OptimisticDominancePruner(warmup_trials=warmup, gain_quantile=quantile)
    return pruner.reason_to_stop(curve(9, {2: vector}, {2: exposure}), pool) is not None


@pytest.mark.parametrize(
    ("vector", "expected"),
    [((0.33, 0.43), True), ((0.34, 0.1), False), ((0.1, 0.44), False), ((0.1, 0.1), True), ((0.9, 0.9), False)],
)
def test_a_trial_is_stopped_if_a_finished_one_is_better_than_it_could_become(vector, expected):
    assert is_stopped(vector) == expected  # trial 1: (.6, .7); the largest of three gains: (.2, .2), raised to .267


def test_a_trial_with_the_same_score_as_the_bound_is_stopped():
    pool = pool_of([curve(number, {2: (0.5625, 0.5625), 10: (0.75, 0.75)}) for number in range(3)])  # hope: .25
    assert is_stopped((0.5, 0.5), pool=pool)


def test_hope_comes_near_the_largest_gain_as_trials_finish():
    few, many = (pool_of([curve(at, {2: (0.0, 0.0), 10: (0.5, 0.5)}) for at in range(count)]) for count in (4, 100))
    assert not is_stopped((-0.1, -0.1), pool=few)  # 5 / 4 of .5 could be gained
    assert is_stopped((-0.13, -0.13), pool=few)
    assert is_stopped((-0.006, -0.006), pool=many)
    assert not is_stopped((-0.004, -0.004), pool=many)


def test_a_smaller_quantile_stops_more():
    assert not is_stopped((0.45, 0.4))
    assert is_stopped((0.45, 0.4), quantile=0.5)  # the middle gains are (.1, .1)


def test_a_trial_may_keep_what_it_has_where_all_others_fell():
    falling = pool_of([curve(number, {2: (0.5, 0.5), 10: (0.4, 0.4)}) for number in range(3)])
    assert not is_stopped((0.45, 0.45), pool=falling)


def test_nothing_is_stopped_before_enough_trials_finished():
    assert not is_stopped((0.0, 0.0), warmup=4)


def test_a_trial_with_little_exposure_is_not_judged_by_trials_that_never_had_so_little():
    assert is_stopped((0.0, 0.0))
    assert not is_stopped((0.0, 0.0), exposure=(0.1, 0.2))


def test_a_late_learner_is_compared_where_others_had_its_exposure():
    early = [
        curve(number, {2: (0.1, 0.5), 8: (0.6, 0.5), 10: (0.65, 0.5)}, {2: (0.1, 0.2), 8: (0.9, 0.8), 10: (1.0, 1.0)})
        for number in range(11)
    ]
    pool = pool_of(early)
    assert not is_stopped((0.15, 0.5), pool=pool, exposure=(0.1, 0.8))  # they gained .55 from there, so .6 is possible
    assert is_stopped((0.04, 0.5), pool=pool, exposure=(0.1, 0.8))
    assert is_stopped((0.15, 0.5), pool=pool, exposure=(0.8, 0.8))  # as one that had its share of grounding would be


def test_the_reason_names_the_first_trial_that_is_better():
    pruner = OptimisticDominancePruner(warmup_trials=3, gain_quantile=1.0)
    assert (
        pruner.reason_to_stop(curve(9, {2: (0.0, 0.0)}), POOL)
        == "trial 0 ended better in every objective than this one could, by the gains seen from step 2 on"
    )
