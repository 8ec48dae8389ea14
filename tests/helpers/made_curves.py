"""Curves and pools of curves for pruners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from search.pruners import Curve, CurvePool, Vector


def curve(number: int, vectors: Mapping[int, Vector], exposures: Mapping[int, Vector] | None = None) -> Curve:
    """Give a curve; its exposure is a tenth of the step if not given."""
    plain = {step: (step / 10,) * len(vector) for step, vector in vectors.items()}
    return Curve(number, vectors, plain if exposures is None else exposures)


def pool_of(finished: Iterable[Curve], *, others: Iterable[Curve] = ()) -> CurvePool:
    """Give a pool that has heard of finished trials and of others."""
    pool = CurvePool()
    finished = list(finished)
    for each in (*finished, *others):
        for step, vector in each.vectors.items():
            pool.report(each.number, step, vector)
    for each in finished:
        pool.finish(each)
    return pool
