"""Shares that sum to one, from independent numbers in [0, 1] and back."""

from __future__ import annotations

from collections.abc import Sequence


def shares_of(sticks: Sequence[float]) -> tuple[float, ...]:
    """Break a stick of length one into one piece more than there are numbers.

    Independent uniform numbers give pieces that are uniform on the simplex; nothing is rejected and no direction is
    flat. Of the ``m`` pieces still to come, the next takes the share ``1 - (1 - u) ** (1 / (m - 1))`` of what is left,
    which is Beta(1, m - 1) distributed.

    Args:
        sticks: Numbers in [0, 1].

    Returns:
        Shares in [0, 1] that sum to 1.

    References:
        Sethuraman, "A constructive definition of Dirichlet priors", Statistica Sinica 1994; Devroye, "Non-Uniform
        Random Variate Generation", 1986, chapter XI.4.

    """
    left, shares = 1.0, list[float]()
    for index, stick in enumerate(sticks):
        rest = (1 - stick) ** (1 / (len(sticks) - index))
        shares.append(left * (1 - rest))
        left *= rest
    return (*shares, left)


def sticks_of(shares: Sequence[float]) -> tuple[float, ...]:
    """Give the numbers that ``shares_of`` turns into these shares.

    Args:
        shares: In [0, 1], with sum 1. Once nothing is left, any number would do and 0 is given.

    Raises:
        ValueError: If a share is negative or they do not sum to 1.

    """
    if not shares or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"shares must be at least 0 and sum to 1; got {list(shares)}")
    sticks: list[float] = []
    for index in range(len(shares) - 1):
        left, after = sum(shares[index:]), sum(shares[index + 1 :])
        sticks.append(1 - (after / left) ** (len(shares) - 1 - index) if left > 0 else 0.0)
    return tuple(sticks)
