"""Weightings by name."""

from collections.abc import Callable, Mapping, Sequence

from spaces.mixture import TermName
from spaces.weighting import WeightingConfig, WeightingName
from trainable.weighting.base import Weighting
from trainable.weighting.dwa import DynamicWeightAverage
from trainable.weighting.emanorm import EmaNorm
from trainable.weighting.famo import Famo
from trainable.weighting.refnorm import RefNorm
from trainable.weighting.rlw import RandomWeighting
from trainable.weighting.static import StaticWeighting
from trainable.weighting.uncertainty import UncertaintyWeighting

Names = Sequence[TermName]

WEIGHTINGS: Mapping[WeightingName, Callable[[Names, WeightingConfig, Mapping[TermName, float], int], Weighting]] = {
    "static": lambda names, config, references, seed: StaticWeighting(names),
    "refnorm": lambda names, config, references, seed: RefNorm(names, references=references),
    "emanorm": lambda names, config, references, seed: EmaNorm(names, rate=config.ema_rate),
    "uncertainty": lambda names, config, references, seed: UncertaintyWeighting(names, rate=config.uncertainty_rate),
    "dwa": lambda names, config, references, seed: DynamicWeightAverage(
        names, temperature=config.dwa_temperature, window=config.dwa_window
    ),
    "famo": lambda names, config, references, seed: Famo(names, rate=config.famo_rate, decay=config.famo_decay),
    "rlw": lambda names, config, references, seed: RandomWeighting(names, deviation=config.rlw_deviation, seed=seed),
}


def make_weighting(
    config: WeightingConfig, names: Names, *, references: Mapping[TermName, float], seed: int
) -> Weighting:
    """Make the weighting of a trial.

    Args:
        config: Its name and settings.
        names: The terms that it may move: those in use that measure a task.
        references: Value of each for the base, for ``refnorm``.
        seed: Of its draws.

    """
    return WEIGHTINGS[config.name](names, config, references, seed)


__all__ = [
    "WEIGHTINGS",
    "DynamicWeightAverage",
    "EmaNorm",
    "Famo",
    "RandomWeighting",
    "RefNorm",
    "StaticWeighting",
    "UncertaintyWeighting",
    "Weighting",
    "make_weighting",
]
