"""A sweep of more trials than one fit of Ray Tune takes; its trials only hand out made-up reports."""

import pytest
import ray_saving
from driver_loop import start
from made_search import made_spec
from ray import cloudpickle

import search.sweep
from results import read_sweep
from search.cluster import connected_ray
from search.interruption import Interruption
from search.storage_fault import StorageGuard

pytestmark = pytest.mark.ray

TRIALS = 11


class Uninterrupted(Interruption):
    def __init__(self):
        super().__init__(lambda text: None)


def driver(spec, folder):
    return search.sweep._Driver(
        spec, folder, items=lambda: [], listener=None, say=lambda text: None, guard=StorageGuard(folder)
    )


def test_fits_follow_one_another_until_all_trials_ran_once_each(tmp_path, monkeypatch):
    """Of eleven trials four fit into a fit: three fits, the last of which is short, and none after it."""
    cloudpickle.register_pickle_by_value(ray_saving)
    monkeypatch.setattr(search.sweep, "RayTrial", ray_saving.MadeTrial)
    monkeypatch.setattr(search.sweep, "_TRIALS_PER_FIT", 4)
    monkeypatch.setattr(search.sweep, "_TRIALS_PER_WORKER", 1)
    fits, own = [], search.sweep._fit

    def counted(spec, cluster, searcher, scheduler):
        own(spec, cluster, searcher, scheduler)
        fits.append(len(read_sweep(tmp_path).trials))

    monkeypatch.setattr(search.sweep, "_fit", counted)
    spec = made_spec(trials=TRIALS, concurrency=2, sampler={"name": "random"}, pruner="none")
    hub = start(spec, tmp_path)
    with connected_ray(spec) as cluster:
        outcome = driver(spec, tmp_path)._run(spec, hub, cluster, Uninterrupted())
    assert fits == [4, 8, 11]
    assert (outcome.ended, outcome.is_suspended) == (TRIALS, False)
    assert sorted(read_sweep(tmp_path).trials["trial"]) == list(range(TRIALS))


def test_a_fit_that_ends_too_early_is_repeated_and_not_for_ever(tmp_path, monkeypatch):
    """Ray Tune that gives up at once leaves a sweep that can be resumed."""
    fits = []
    monkeypatch.setattr(search.sweep, "_fit", lambda *given: fits.append(given))
    spec = made_spec(trials=TRIALS)

    class Scratch:
        scratch = tmp_path / "scratch"
        loss = staticmethod(lambda: None)

    outcome = driver(spec, tmp_path)._run(spec, start(spec, tmp_path), Scratch(), Uninterrupted())
    assert len(fits) == 3
    assert (outcome.ended, outcome.is_suspended) == (0, True)
