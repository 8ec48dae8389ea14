import numpy as np
import optuna
import pytest
from made_truth import known_sweep

from results.attainment import attainment_of, hypervolume_band, knee_frequency
from results.bootstrap import RowTable
from results.fronts import fronts_of
from results.membership import luck_of
from results.replicates import replicate
from results.summary import summarise


def case(truth, *, seed=0, rows=60, spread=0.35):
    sweep = known_sweep(np.array(truth), rows=rows, rng=np.random.default_rng(seed), spread=spread)
    summary = summarise(sweep.tables)
    drawn = replicate(
        summary,
        RowTable(sweep.predictions, sweep.items, split="search"),
        seeds=None,
        rng=np.random.default_rng(1),
        replicates=200,
    )
    return summary, drawn


SPREAD = [[0.4, 0.4], [0.6, 0.45], [0.45, 0.6], [0.55, 0.55], [0.3, 0.3]]


def test_the_band_mirrors_the_quantiles_of_slow_hypervolumes_at_the_recorded_one():
    summary, drawn = case(SPREAD)
    band = hypervolume_band(summary, drawn)
    reference = np.array(summary.reference)
    slow = [optuna._hypervolume.compute_hypervolume(-draw, -reference) for draw in np.maximum(drawn.draws, reference)]
    high, middle, low = 2 * band.recorded[-1] - np.quantile(slow, [0.025, 0.5, 0.975])
    assert (band.final.low, band.final.middle, band.final.high) == pytest.approx((max(low, 0), middle, high))
    assert band.recorded == summary.hypervolumes
    assert band.trials == (0, 1, 2, 3, 4)


def test_a_band_never_falls_and_its_bounds_never_cross():
    rng = np.random.default_rng(3)
    summary, drawn = case(rng.uniform(0.3, 0.7, (70, 2)))
    for moments in (1, 5, 40):
        band = hypervolume_band(summary, drawn, moments=moments)
        rows = np.array([band.low, band.middle, band.high])
        assert (np.diff(rows, axis=1) >= 0).all()
        assert (np.diff(rows, axis=0) >= 0).all()
        assert len(band.low) == 70


def test_without_noise_the_band_is_the_history_and_every_surface_is_the_front():
    summary, drawn = case(SPREAD, spread=0.0)
    band = hypervolume_band(summary, drawn)
    assert np.array([band.low, band.high]) == pytest.approx(np.array([band.recorded] * 2))
    front = {tuple(np.round(trial.point, 9)) for trial in summary.front if trial.point}
    for surface in attainment_of(drawn).surfaces:
        assert {tuple(np.round(point, 9)) for point in surface.points} == front  # sums of equal numbers differ in a bit


def test_a_point_of_a_surface_is_attained_by_its_share_of_the_fronts():
    _, drawn = case(SPREAD)
    surfaces = attainment_of(drawn).surfaces
    assert [surface.level for surface in surfaces] == [0.25, 0.5, 0.75]
    luck = luck_of(drawn.gains, drawn.deviations, fronts_of(drawn.draws))
    draws = drawn.draws - luck
    for surface in surfaces:
        for point in surface.points:
            attained = np.mean([(draw >= np.array(point) - 1e-12).all(axis=1).any() for draw in draws])
            assert attained >= surface.level - 1e-9
    assert surfaces[0].points[0][0] >= surfaces[2].points[0][0]


def test_a_sharp_knee_is_the_knee_of_every_replicate_and_a_flat_front_has_none_for_sure():
    summary, drawn = case([[0.2, 0.2], [0.7, 0.1], [0.1, 0.7], [0.6, 0.6]], spread=0.02)
    found = knee_frequency(summary, drawn)
    assert (found.trial, found.share, found.none) == (3, 1.0, 0.0)
    assert found.shares == ((3, 1.0),)
    flat = [[0.2, 0.2], [0.7, 0.1], [0.55, 0.25], [0.4, 0.4], [0.25, 0.55], [0.1, 0.7]]
    found = knee_frequency(*case(flat))
    assert found.share < 0.8
    assert sum(share for _, share in found.shares) + found.none == pytest.approx(1.0)
