from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kstest

from spaces.simplex import shares_of, sticks_of

sticks = st.lists(st.floats(0, 1), min_size=0, max_size=7)


@given(sticks)
def test_shares_lie_on_the_simplex(given_sticks: list[float]) -> None:
    shares = shares_of(given_sticks)

    assert len(shares) == len(given_sticks) + 1
    assert min(shares) >= 0
    assert sum(shares) == pytest.approx(1)


@given(st.lists(st.floats(0.01, 0.99), max_size=7))
def test_sticks_survive_the_way_to_shares_and_back(given_sticks: list[float]) -> None:
    assert sticks_of(shares_of(given_sticks)) == pytest.approx(given_sticks, abs=1e-9)


@pytest.mark.parametrize("count", range(2, 9))
def test_independent_uniform_sticks_are_uniform_on_the_simplex(count: int) -> None:
    # Every share of a uniform point on the simplex is Beta(1, K - 1) distributed, every sum of two Beta(2, K - 2).
    numbers = np.random.default_rng(count).uniform(size=(4000, count - 1))

    shares = np.array([shares_of(row) for row in numbers.tolist()])

    for column in shares.T:
        assert kstest(column, beta(1, count - 1).cdf).pvalue > 0.001
    if count > 2:
        assert kstest(shares[:, 0] + shares[:, -1], beta(2, count - 2).cdf).pvalue > 0.001


def test_two_shares_are_the_number_itself() -> None:
    assert shares_of([0.3]) == pytest.approx((0.3, 0.7))


def test_the_ends_give_a_source_everything_or_nothing() -> None:
    assert shares_of([1.0, 0.4]) == (1.0, 0.0, 0.0)
    assert shares_of([0.0, 0.0]) == (0.0, 0.0, 1.0)
    assert sticks_of((1.0, 0.0, 0.0)) == (1.0, 0.0)


@pytest.mark.parametrize("shares", [(0.5, 0.6), (-0.1, 1.1)])
def test_shares_off_the_simplex_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        sticks_of(shares)
