"""Ray starts anew as long as something is measured between its losses."""

import pytest

from search.errors import ClusterError, RayLost
from search.ray_losses import RayLosses


def losses_after(address, counts):
    counted = iter(counts)
    return RayLosses(address, measured=lambda: next(counted))


def test_three_losses_without_progress_are_taken_and_the_fourth_ends_it():
    losses = losses_after("local", [5, 5, 5, 5])
    for _ in range(3):
        losses.take(RayLost("gone"), last_words="go on by resume")
    with pytest.raises(ClusterError, match="go on by resume"):
        losses.take(RayLost("gone"), last_words="go on by resume")


def test_progress_begins_the_count_again():
    losses = losses_after("local", range(50))
    for _ in range(50):
        losses.take(RayLost("gone"), last_words="")


def test_a_cluster_of_others_is_never_started_anew():
    with pytest.raises(ClusterError, match="last"):
        losses_after("auto", [0]).take(RayLost("gone"), last_words="last")
