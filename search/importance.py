"""Which parameters mattered: importance for each objective, for the front, and for each trade-off between two.

``results`` knows no Optuna, so this computes what ``results.find`` passes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, create_trial

from results import SweepTables
from results.findings import Importance, ParameterImportance
from results.gains import gains_of
from search.recorded_point import plain
from search.spec import SweepSpec
from spaces import Scalar
from spaces.domains import Domain, FloatRange, IntRange

WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))
"""Shares of the first objective for which the importance is computed."""

FEW_TRIALS = 20
_FEWEST_TRIALS = 4
_MOST_TRIALS = 1000
_MOST_TRIALS_OF_FORESTS = 300
_TREES, _DEPTH = 12, 5
_WORST = 0.05
_SEED = 0


def importance_of(tables: SweepTables, spec: SweepSpec) -> Importance | str:
    """Give the importance of the searched parameters, or say in one sentence why there is none.

    Over completed trials that the sampler drew: what pruned trials scored is no final score, and what baseline and
    presets are was not drawn. A trial that reports a score that is not finite is left out. Parameters that are drawn
    in their logarithm count in it.

    Args:
        tables: The sweep's record.
        spec: The sweep's spec.

    References:
        S. Watanabe, A. Bansal, F. Hutter. PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
        subspaces. IJCAI 2023. https://arxiv.org/abs/2304.10255. Computed by Optuna; for the front it takes the best
        tenth by non-dominated layers.
        D. Theodorakopoulos, F. Stahl, M. Lindauer. Hyperparameter importance analysis for multi-objective AutoML.
        2024. https://arxiv.org/abs/2405.07640. MO-fANOVA; the forests are Optuna's fANOVA (F. Hutter, H. Hoos,
        K. Leyton-Brown, ICML 2014) with fewer and flatter trees than its default, which takes minutes.

    """
    names = [objective.name for objective in tables.columns.objectives]
    ended = tables.trials.drop_duplicates("trial", keep="last")
    ended = ended.loc[(ended["state"] == "COMPLETE") & (ended["role"] == "search")]
    ended = ended.loc[np.isfinite(ended[[f"value.{name}" for name in names]].to_numpy(float)).all(axis=1)]
    if len(ended) < _FEWEST_TRIALS:
        return f"only {len(ended)} of the trials that the sampler drew completed"
    rng = np.random.default_rng(_SEED)
    rows = ended.iloc[rng.permutation(len(ended))[:_MOST_TRIALS]]
    gains = gains_of(rows[[f"value.{name}" for name in names]].to_numpy(float), tables.columns.objectives)
    cells = {
        key: [plain(cell) for cell in rows[f"param.{key}"]]
        for key in spec.space.dimensions
        if f"param.{key}" in rows and rows[f"param.{key}"].nunique() > 1
    }
    if not cells:
        return "no parameter differs between the completed trials"
    drawn = {key: _Drawn(spec.space.dimensions[key], values) for key, values in cells.items()}
    study = _study(drawn, -gains)
    weights = WEIGHTS if len(names) == 2 else ()
    by_weight = _by_weight(drawn, gains[:_MOST_TRIALS_OF_FORESTS], weights)
    joint = _shares(study, PedAnovaImportanceEvaluator(), None)
    single = [_shares(study, PedAnovaImportanceEvaluator(), _loss(index)) for index in range(len(names))]
    found = [
        ParameterImportance(
            name=key,
            shares=tuple(shares.get(key, 0.0) for shares in single),
            joint=joint.get(key, 0.0),
            by_weight=tuple(shares[key] for shares in by_weight) if by_weight and key in by_weight[0] else (),
        )
        for key in drawn
    ]
    return Importance(
        objectives=tuple(names),
        weights=weights,
        parameters=tuple(sorted(found, key=lambda one: (-one.joint, one.name))),
        trials=len(rows),
        left_out=len(ended) - len(rows),
        is_anecdote=len(ended) < FEW_TRIALS,
        caveats=_caveats(len(ended), len(rows), drawn, weights=weights),
    )


class _Drawn:
    """A parameter's values as Optuna's evaluators take them: logarithms of one that is drawn in its logarithm.

    Args:
        domain: That it is drawn from.
        values: Of each trial; ``None`` where it was not drawn. Others that the domain does not hold count as that.

    """

    def __init__(self, domain: Domain, values: Sequence[Scalar | None]) -> None:
        known = [value if value is not None and domain.holds(value) else None for value in values]
        self.distribution: BaseDistribution
        if isinstance(domain, FloatRange | IntRange):
            scale: Callable[[float], float] = np.log if domain.log else float
            self.distribution = FloatDistribution(scale(domain.low), scale(domain.high))
            low, high = self.distribution.low, self.distribution.high
            self.values: list[Scalar | None] = [
                None if value is None else min(max(float(scale(float(value))), low), high) for value in known
            ]
        else:
            self.distribution = CategoricalDistribution(list(domain.values))
            self.values = known

    @property
    def is_always_drawn(self) -> bool:
        """Whether every trial drew it."""
        return all(value is not None for value in self.values)


def _study(
    drawn: Mapping[str, _Drawn], losses: NDArray[np.float64], *, only: Sequence[str] | None = None
) -> optuna.Study:
    """Give a study of completed trials with these losses, of shape ``[trials, objectives]``."""
    keys = [key for key in drawn if only is None or key in only]
    trials: list[FrozenTrial] = []
    for index, row in enumerate(losses):
        own = [key for key in keys if drawn[key].values[index] is not None]
        trials.append(
            create_trial(
                values=row.tolist(),
                params={key: drawn[key].values[index] for key in own},
                distributions={key: drawn[key].distribution for key in own},
            )
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["minimize"] * losses.shape[1])
    study.add_trials(trials)
    return study


def _by_weight(
    drawn: Mapping[str, _Drawn], gains: NDArray[np.float64], weights: Sequence[float]
) -> list[dict[str, float]]:
    """Give each parameter's share for each weight, over the parameters that every trial drew."""
    always = [key for key, one in drawn.items() if one.is_always_drawn]
    if not always or not weights:
        return []
    low, high = np.quantile(gains, _WORST, axis=0), gains.max(axis=0)
    scaled = np.maximum(gains - low, 0.0) / np.where(high > low, high - low, 1.0)
    study = _study(drawn, scaled, only=always)
    return [_of_forests(study, scaled, always, weight) for weight in weights]


def _of_forests(
    study: optuna.Study, scaled: NDArray[np.float64], always: Sequence[str], weight: float
) -> dict[str, float]:
    if np.ptp(weight * scaled[:, 0] + (1 - weight) * scaled[:, 1]) == 0:  # Optuna's forests refuse what never differs
        return dict.fromkeys(always, 0.0)
    evaluator = FanovaImportanceEvaluator(n_trees=_TREES, max_depth=_DEPTH, seed=_SEED)
    return _shares(study, evaluator, lambda trial: weight * trial.values[0] + (1 - weight) * trial.values[1])


def _shares(
    study: optuna.Study,
    evaluator: FanovaImportanceEvaluator | PedAnovaImportanceEvaluator,
    target: Callable[[FrozenTrial], float] | None,
) -> dict[str, float]:
    """Give shares that sum to one, or zeros where nothing was explained."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns of what is meant: small targets are better, and few trials
        found = get_param_importances(study, evaluator=evaluator, target=target, normalize=False)
    total = sum(found.values())
    return {key: float(value / total) if total > 0 else 0.0 for key, value in found.items()}


def _loss(index: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: float(trial.values[index])


def _caveats(ended: int, used: int, drawn: Mapping[str, _Drawn], *, weights: Sequence[float]) -> tuple[str, ...]:
    caveats = [
        "Only completed trials count, since a pruned one has no final score; so settings that were stopped early hardly"
        " show.",
        "The sampler preferred good settings, so the trials are no even sample of the space.",
    ]
    if ended < FEW_TRIALS:
        caveats.insert(0, f"From {ended} completed trials that the sampler drew this is an anecdote.")
    if used < ended:
        caveats.append(f"Computed from {used:,} of {ended:,} trials, drawn at random.")
    sometimes = [key for key, one in drawn.items() if not one.is_always_drawn]
    if sometimes:
        caveats.append(
            f"The importance of {', '.join(sorted(sometimes))} is over the trials that drew it"
            + (", so it has no line over the trade-off." if weights else ".")
        )
    if weights:
        caveats.append(
            f"Lines over the trade-off: both objectives on a scale from their worst twentieth (0) to their best (1),"
            f" {_TREES} trees of depth {_DEPTH}"
            + (f", {_MOST_TRIALS_OF_FORESTS} trials." if used > _MOST_TRIALS_OF_FORESTS else ".")
        )
    return tuple(caveats)
