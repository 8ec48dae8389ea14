import math
import random

import numpy as np
import pytest
from made_curves import curve, pool_of

ONE = curve(0, {1: (0.1, 0.5), 2: (0.3, 0.6), 4: (0.5, 0.4)}, {1: (0.2, 0.1), 2: (0.4, 0.5), 4: (1.0, 1.0)})


@pytest.mark.parametrize(
    ("exposure", "values"),
    [
        ((0.2, 0.1), (0.1, 0.5)),
        ((0.3, 0.3), (0.2, 0.55)),
        ((0.7, 0.75), (0.4, 0.5)),
        ((1.0, 1.0), (0.5, 0.4)),
    ],
)
def test_between_reports_scores_are_interpolated_over_each_objectives_exposure(exposure, values):
    assert pool_of([ONE]).values_at(exposure).tolist() == [pytest.approx(values)]


def test_before_the_first_report_nothing_is_known():
    (found,) = pool_of([ONE]).values_at((0.19, 0.1)).tolist()
    assert math.isnan(found[0])
    assert found[1] == 0.5


def test_where_exposure_stands_still_the_first_report_counts():
    flat = curve(1, {1: (0.1, 0.1), 2: (0.2, 0.2), 3: (0.3, 0.3)}, {1: (0.5, 0.5), 2: (0.5, 0.5), 3: (1.0, 1.0)})
    assert pool_of([flat]).values_at((0.5, 0.5)).tolist() == [[0.1, 0.1]]


def test_curves_of_different_lengths_stand_side_by_side():
    long = curve(2, {step: (step / 10, 0.0) for step in range(1, 11)})
    pool = pool_of([ONE, long, ONE])
    assert pool.values_at((0.4, 0.5))[:, 0].tolist() == pytest.approx([0.3, 0.4, 0.3])
    assert pool.finals().tolist() == [[0.5, 0.4], [1.0, 0.0], [0.5, 0.4]]


def test_many_curves_keep_their_scores():
    pool = pool_of([curve(number, {5: (number / 100, 0.0), 10: (number / 50, 0.0)}) for number in range(100)])
    assert pool.values_at((0.5, 0.5))[:, 0].tolist() == pytest.approx([number / 100 for number in range(100)])


def test_a_later_report_of_the_same_step_takes_the_place_of_the_earlier():
    pool = pool_of([], others=[curve(3, {2: (0.1, 0.1)}), curve(3, {2: (0.2, 0.2)})])
    assert pool.at_step(2) == {3: (0.2, 0.2)}


def test_curves_are_read_as_numpy_interpolates_them():
    draw = random.Random(5)
    curves = []
    for number in range(40):
        steps = sorted(draw.sample(range(1, 30), draw.randint(2, 8)))
        exposures = {step: (step / steps[-1], (step / steps[-1]) ** 2) for step in steps}
        curves.append(curve(number, {step: (draw.random(), draw.random()) for step in steps}, exposures))
    pool = pool_of(curves)
    for sought in ((0.5, 0.5), (0.9, 0.1), (1.0, 1.0)):
        for found, each in zip(pool.values_at(sought), curves, strict=True):
            for k in range(2):
                at, scores = ([row[k] for row in column.values()] for column in (each.exposures, each.vectors))
                expected = np.interp(sought[k], at, scores, left=math.nan)
                assert found[k] == pytest.approx(expected, nan_ok=True)
