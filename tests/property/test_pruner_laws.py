"""Laws of the pruners, over arbitrary curves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from made_curves import pool_of

from search.pruners import Curve
from search.pruners.eod import OptimisticDominancePruner
from search.pruners.median_all import MedianAllPruner
from search.pruners.moasha import MoashaPruner

STEPS = (1, 2, 4, 8)
SCORE = st.integers(0, 20).map(lambda value: value / 20)
VECTOR = st.tuples(SCORE, SCORE)


@st.composite
def curves(draw, *, number: int, steps=STEPS) -> Curve:
    shares = [sorted(draw(st.lists(SCORE, min_size=len(STEPS) - 1, max_size=len(STEPS) - 1))) for _ in range(2)]
    exposures = {step: (first, second) for step, first, second in zip(STEPS, *([*s, 1.0] for s in shares), strict=True)}
    return Curve(number, {step: draw(VECTOR) for step in steps}, {step: exposures[step] for step in steps})


@st.composite
def studies(draw):
    finished = [draw(curves(number=number)) for number in range(draw(st.integers(0, 8)))]
    running = draw(curves(number=50, steps=STEPS[: draw(st.integers(1, 3))]))
    return finished, running


def pruners():
    return [
        OptimisticDominancePruner(warmup_trials=1, gain_quantile=1.0),
        OptimisticDominancePruner(warmup_trials=2, gain_quantile=0.5),
        MedianAllPruner(warmup_trials=1),
        MoashaPruner(steps=STEPS, warmup_trials=0),
    ]


def decisions(finished, running):
    pool = pool_of(finished, others=[running])
    return [pruner.reason_to_stop(running, pool) for pruner in pruners()]


@given(study=studies())
def test_eod_never_stops_what_no_finished_trial_dominates(study):
    finished, running = study
    own = running.vectors[max(running.vectors)]
    finals = [curve.vectors[STEPS[-1]] for curve in finished]
    is_dominated = any(all(theirs >= mine for theirs, mine in zip(final, own, strict=True)) for final in finals)
    if not is_dominated:
        assert decisions(finished, running)[:2] == [None, None]


@given(study=studies())
def test_eod_at_the_largest_gain_stops_nothing_that_a_smaller_quantile_lets_go_on(study):
    finished, running = study
    pool = pool_of(finished)
    bold = OptimisticDominancePruner(warmup_trials=1, gain_quantile=0.5)
    careful = OptimisticDominancePruner(warmup_trials=1, gain_quantile=1.0)
    if bold.reason_to_stop(running, pool) is None:
        assert careful.reason_to_stop(running, pool) is None


@given(study=studies(), data=st.data())
def test_no_decision_depends_on_the_order_of_the_trials_before(study, data):
    finished, running = study
    shuffled = data.draw(st.permutations(finished))
    assert decisions(finished, running) == decisions(shuffled, running)


@given(study=studies())
def test_moasha_does_not_depend_on_the_units_of_the_objectives(study):
    def rescaled(curve: Curve) -> Curve:
        vectors = {step: (1000 * first**3 - 7, second) for step, (first, second) in curve.vectors.items()}
        return Curve(curve.number, vectors, curve.exposures)

    finished, running = study
    assert decisions(finished, running)[3] == decisions([rescaled(curve) for curve in finished], rescaled(running))[3]


@given(study=studies())
def test_eod_does_not_depend_on_the_scale_of_an_objective(study):
    def rescaled(curve: Curve) -> Curve:
        return Curve(curve.number, {step: (4 * a, b) for step, (a, b) in curve.vectors.items()}, curve.exposures)

    finished, running = study
    assert decisions(finished, running)[0] == decisions([rescaled(curve) for curve in finished], rescaled(running))[0]
