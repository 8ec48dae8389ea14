"""Laws of dominance and hypervolume, against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from results import pareto

direction = st.sampled_from(["maximize", "minimize"])
directions = st.tuples(direction, direction)
# few different scores, so that ties and duplicates are common
score = st.integers(0, 8).map(lambda eighths: eighths / 8)
rows = st.lists(st.tuples(score, score), min_size=1, max_size=14)
rows_with_gaps = st.lists(st.tuples(score | st.just(float("nan")), score), min_size=1, max_size=14)


def better_or_equal(a: float, b: float, way: str) -> bool:
    return a >= b if way == "maximize" else a <= b


def dominates(a, b, ways) -> bool:
    return all(better_or_equal(x, y, way) for x, y, way in zip(a, b, ways, strict=True)) and tuple(a) != tuple(b)


def brute_front(values, ways) -> list[bool]:
    return [
        not np.isnan(row).any()
        and not any(dominates(other, row, ways) for other in values if not np.isnan(other).any())
        for row in values
    ]


def brute_hypervolume(values, ways, reference) -> float:
    """Count the cells of an eighths grid that some row dominates and that beat the reference."""
    signs = [1 if way == "maximize" else -1 for way in ways]
    cells = 0
    for x in range(-16, 16):
        for y in range(-16, 16):
            low = (x / 8, y / 8)
            beats = all(edge >= sign * ref for edge, sign, ref in zip(low, signs, reference, strict=True))
            covered = any(
                all(sign * value >= edge + 1 / 8 for value, sign, edge in zip(row, signs, low, strict=True))
                for row in values
            )
            cells += beats and covered
    return cells / 64


@given(rows_with_gaps, directions)
def test_the_front_is_what_brute_force_finds(values, ways):
    assert pareto.nondominated(values, ways).tolist() == brute_front(values, ways)


@given(rows_with_gaps, directions)
def test_layers_are_repeated_fronts_of_the_rest(values, ways):
    expected = [-1] * len(values)
    left = [index for index, row in enumerate(values) if not np.isnan(row).any()]
    layer = 0
    while left:
        front = brute_front([values[index] for index in left], ways)
        for index, member in zip(left, front, strict=True):
            if member:
                expected[index] = layer
        left = [index for index, member in zip(left, front, strict=True) if not member]
        layer += 1
    assert pareto.ranks(values, ways).tolist() == expected


@given(rows, directions, st.tuples(score, score))
def test_hypervolume_is_the_counted_area(values, ways, reference):
    area = pareto.hypervolume(values, ways, reference=reference)
    assert abs(area - brute_hypervolume(values, ways, reference)) < 1e-9


@given(rows_with_gaps, directions, st.tuples(score, score))
def test_the_history_is_the_hypervolume_of_every_beginning_and_never_falls(values, ways, reference):
    history = pareto.hypervolume_history(values, ways, reference=reference)
    for count, reached in enumerate(history, start=1):
        assert abs(reached - pareto.hypervolume(values[:count], ways, reference=reference)) < 1e-12
    assert (np.diff(history) >= 0).all()


@given(rows, directions)
def test_the_knee_is_a_member_of_the_front_between_its_extremes(values, ways):
    index = pareto.knee(values, ways)
    if index is not None:
        front = [row for row, member in zip(values, pareto.nondominated(values, ways), strict=True) if member]
        assert values[index] in front
        assert min(row[0] for row in front) < values[index][0] < max(row[0] for row in front)


@given(rows, directions)
def test_turning_an_objective_around_changes_no_rank(values, ways):
    turned = [(-first, second) for first, second in values]
    other = ("minimize" if ways[0] == "maximize" else "maximize", ways[1])
    assert pareto.ranks(turned, other).tolist() == pareto.ranks(values, ways).tolist()
