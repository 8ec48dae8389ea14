import numpy as np
import pytest

from results.fronts import front_of, fronts_of
from results.pareto import nondominated


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("levels", [3, 1000])
def test_fronts_of_many_replicates_are_those_of_each_alone(objectives, levels):
    rng = np.random.default_rng(objectives)
    draws = rng.integers(0, levels, size=(60, 12, objectives)).astype(float)  # few levels make ties and twins
    alone = np.array([nondominated(one, ["maximize"] * objectives) for one in draws])
    assert (fronts_of(draws) == alone).all()
    assert (np.array([front_of(one) for one in draws]) == alone).all()


def test_no_rows_have_no_front():
    assert fronts_of(np.empty((4, 0, 2))).shape == (4, 0)
    assert front_of(np.empty((0, 2))).shape == (0,)
