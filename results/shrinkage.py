"""What is left of the search's scores when settings are trained again and scored on other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from results import pareto
from results.bootstrap import RowTable
from results.confirmed_runs import ConfirmedSplit, settings_of
from results.findings import Confirmed, ConfirmedTrial, Interval, Shrinkage
from results.fronts import front_of, fronts_of
from results.membership import calibrated
from results.reader import SweepTables
from results.summary import EndedTrial, Summary

_AREA_REPLICATES = 300
_FEW_RUNS = 3


def shrinkage_of(
    summary: Summary, tables: SweepTables, items: pd.DataFrame, predictions: pd.DataFrame, *, rng: np.random.Generator
) -> Shrinkage | str:
    """Compare the search's scores with those of the confirmation runs, or say why that is not possible.

    Args:
        summary: Of the sweep.
        tables: The sweep's record.
        items: Rows of the splits; may be empty.
        predictions: Predictions of the confirmation runs; may be empty.
        rng: The generator.

    References:
        M. Feurer, K. Eggensperger, E. Bergman, F. Pfisterer, B. Bischl, F. Hutter. Mind the gap: measuring
        generalization performance across multiple objectives. IDA 2023. https://arxiv.org/abs/2212.04183. The
        optimistic and the pessimistic front.

    """
    objectives = summary.objectives
    searched = {trial.trial: trial for trial in summary.completed}
    splits: dict[str, ConfirmedSplit] = {}
    for split in ("confirm", "test"):
        settings = [one for one in settings_of(tables.confirmations, objectives, split=split) if one.trial in searched]
        if settings:
            splits[split] = ConfirmedSplit(settings, RowTable(predictions, items, split=split), objectives, rng=rng)
    if "confirm" not in splits:
        return "no confirmation run of a completed trial has completed; paretune confirm trains settings again"
    confirm, test = splits["confirm"], splits.get("test")
    points = np.array([searched[setting.trial].point for setting in confirm.settings], dtype=float)
    members = np.array([searched[setting.trial].on_front for setting in confirm.settings])
    trials = _confirmed_trials(confirm, test, searched, tables, summary=summary)
    optimistic, pessimistic = _validated([one.trial for one in trials if one.on_confirm_front], test, summary)
    return Shrinkage(
        trials=trials,
        mean_shrinkage=tuple((confirm.means - points)[members].mean(axis=0).tolist()) if members.any() else (),
        search_hypervolume=_area(points, summary),
        confirm_hypervolume=_area(confirm.means, summary),
        confirm_interval=_area_interval(confirm, summary),
        optimistic=optimistic,
        pessimistic=pessimistic,
        caveats=_caveats(confirm, tested=0 if test is None else len(test.settings)),
    )


def _confirmed_trials(
    confirm: ConfirmedSplit,
    test: ConfirmedSplit | None,
    searched: Mapping[int, EndedTrial],
    tables: SweepTables,
    *,
    summary: Summary,
) -> tuple[ConfirmedTrial, ...]:
    is_front = pareto.nondominated(confirm.means, summary.directions)
    shares = None
    if confirm.deviations is not None:
        on = fronts_of(confirm.gains + confirm.deviations)
        shares = calibrated(confirm.gains, confirm.deviations, share=on.mean(axis=0))
    tested = {} if test is None else {setting.trial: index for index, setting in enumerate(test.settings)}
    test_front = () if test is None else pareto.nondominated(test.means, summary.directions)
    runs = tables.confirmations
    failed = runs.loc[runs["state"] == "FAIL"].drop_duplicates("run")["trial"]
    found: list[ConfirmedTrial] = []
    for index, setting in enumerate(confirm.settings):
        own, at = searched[setting.trial], tested.get(setting.trial)
        found.append(
            ConfirmedTrial(
                trial=setting.trial,
                role=own.role,
                runs=len(setting.runs),
                failed=int((failed == setting.trial).sum()),
                objectives=tuple(_objectives(confirm, index, test, at, own=own, summary=summary)),
                on_search_front=own.on_front,
                on_confirm_front=bool(is_front[index]),
                probability=None if shares is None else float(shares[index]),
                on_test_front=None if at is None else bool(test_front[at]),
            )
        )
    return tuple(sorted(found, key=lambda one: (-(one.probability or 0.0), not one.on_confirm_front, one.trial)))


def _objectives(
    confirm: ConfirmedSplit,
    index: int,
    test: ConfirmedSplit | None,
    at: int | None,
    *,
    own: EndedTrial,
    summary: Summary,
) -> list[Confirmed]:
    gains = confirm.settings[index].gains
    return [
        Confirmed(
            objective=objective.name,
            search=(own.point or ())[place],
            confirm=float(confirm.means[index, place]),
            confirm_interval=confirm.interval(index, place),
            test=None if test is None or at is None else float(test.means[at, place]),
            test_interval=None if test is None or at is None else test.interval(at, place),
            deviation=float(gains[:, place].std(ddof=1)) if len(gains) > 1 else None,
        )
        for place, objective in enumerate(summary.objectives)
    ]


def _validated(
    front: Sequence[int], test: ConfirmedSplit | None, summary: Summary
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the optimistic and the pessimistic front of the trials on the confirm front, by their test means."""
    if test is None:
        return (), ()
    rows = [index for index, setting in enumerate(test.settings) if setting.trial in front]
    if not rows:
        return (), ()
    numbers = [test.settings[index].trial for index in rows]
    gains = test.gains[rows]
    best = front_of(gains)
    worst = front_of(-gains)
    return (
        tuple(number for number, holds in zip(numbers, best, strict=True) if holds),
        tuple(number for number, holds in zip(numbers, worst, strict=True) if holds),
    )


def _area(points: NDArray[np.float64], summary: Summary) -> float | None:
    if summary.reference is None:
        return None
    return pareto.hypervolume(points, summary.directions, reference=summary.reference)


def _area_interval(confirm: ConfirmedSplit, summary: Summary) -> Interval | None:
    """Give the basic interval, as for the hypervolume of the search."""
    own, draws = _area(confirm.means, summary), confirm.draws
    if own is None or draws is None:
        return None
    areas = [_area(draw, summary) or 0.0 for draw in draws[:_AREA_REPLICATES]]
    mirrored = np.maximum(2 * own - np.quantile(areas, [0.975, 0.5, 0.025]), 0.0)
    return Interval(*mirrored.tolist())


def _caveats(confirm: ConfirmedSplit, *, tested: int) -> tuple[str, ...]:
    caveats: list[str] = []
    fewest = min(len(setting.runs) for setting in confirm.settings)
    if len(confirm.settings) == sum(len(setting.runs) for setting in confirm.settings):
        caveats.append("Every setting was trained once, so intervals and probabilities leave out what seeds do.")
    elif fewest < _FEW_RUNS:
        caveats.append(f"Some settings were trained {fewest} time{'' if fewest == 1 else 's'} only.")
    if confirm.deviations is None:
        caveats.append("The confirmation runs left no predictions by row, so there are no intervals.")
    if tested:
        caveats.append(
            "The test split is for one look: a setting that is chosen by its test scores has no untouched rows left."
        )
    return tuple(caveats)
