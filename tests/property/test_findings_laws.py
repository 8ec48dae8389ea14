"""The statistics of any record, however little it holds, are there or have a reason, and are what they are called."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_truth import KnownSweep, known_sweep

from results import Objective
from results.find import find
from results.findings import Findings, Interval
from results.summary import summarise

OBJECTIVES = (
    Objective("grounding.miou", "maximize", 0, 1),
    Objective("text.perplexity", "minimize", 1, None),
    Objective("text.token_f1", "maximize", 0, 1),
)


@st.composite
def records(draw: st.DrawFn) -> KnownSweep:
    """Make a record of which much is missing."""
    count = draw(st.integers(0, 6))
    objectives = OBJECTIVES[: draw(st.integers(1, 3))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([1, 2, 1000]))  # few levels make ties
    truth = 1.2 + rng.integers(0, levels, (count, len(objectives))) / levels
    confirmed = {} if not count else {0: draw(st.integers(0, 2)), count - 1: draw(st.integers(0, 3))}
    sweep = known_sweep(
        truth,
        rows=draw(st.integers(1, 6)),
        rng=rng,
        spread=draw(st.sampled_from([0.0, 0.1])),
        confirmed=confirmed,
        objectives=objectives,
    )
    trials = sweep.tables.trials
    states = draw(st.lists(st.sampled_from(["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]), min_size=count, max_size=count))
    roles = draw(st.lists(st.sampled_from(["baseline", "search", "clone"]), min_size=count, max_size=count))
    holes = rng.random((count, len(objectives))) < draw(st.sampled_from([0.0, 0.3]))
    values = [f"value.{objective.name}" for objective in objectives]
    trials = trials.assign(state=states, role=roles)
    is_out = np.array([[state != "COMPLETE"] for state in states], dtype=bool).reshape(count, 1)
    trials[values] = np.where(holes | is_out, np.nan, trials[values].to_numpy(float))
    kept = rng.random(len(sweep.predictions)) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    items = sweep.items.loc[rng.random(len(sweep.items)) < draw(st.sampled_from([0.0, 0.8, 1.0]))]
    runs = sweep.tables.confirmations
    runs = runs.assign(state=[draw(st.sampled_from(["COMPLETE", "FAIL"])) for _ in range(len(runs))])
    tables = replace(sweep.tables, trials=trials, confirmations=runs)
    return replace(sweep, tables=tables, items=items, predictions=sweep.predictions.loc[kept])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records())
def test_every_finding_is_there_or_has_a_reason_and_is_sound(sweep):
    found = find(summarise(sweep.tables), sweep.tables, sweep.items, sweep.predictions)
    for field in fields(Findings):
        if getattr(found, field.name) in (None, ()) and field.name not in ("evidence", "unknown"):
            assert found.unknown.get(field.name), field.name
    assert all(found.unknown.values())
    members = found.membership.members if found.membership else ()
    assert all(0 <= member.probability <= 1 for member in members)
    completed = {trial.trial for trial in summarise(sweep.tables).completed}
    assert {member.trial for member in members} <= completed
    for one in found.preferences:
        assert one.share is None or 0 <= one.share <= 1
        assert one.trial is None or one.trial in completed
    for interval in intervals_of(found):
        assert interval.low <= interval.middle <= interval.high


def intervals_of(found: Findings) -> list[Interval]:
    intervals = [
        interval for member in (found.membership.members if found.membership else ()) for interval in member.intervals
    ]
    if found.hypervolume and found.hypervolume.trials:
        intervals.append(found.hypervolume.final)
    if found.strategies:
        intervals += [found.strategies.adaptive, found.strategies.static, found.strategies.difference]
    if found.slices:
        intervals += [score.difference for score in found.slices.scores if score.difference]
    for trial in found.shrinkage.trials if found.shrinkage else ():
        intervals += [one.confirm_interval for one in trial.objectives if one.confirm_interval]
    return intervals
