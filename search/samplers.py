"""Optuna samplers by name."""

from __future__ import annotations

import warnings

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler

from search.observations import Observations
from search.spec import SamplerConfig
from search.thinning import ThinnedTPESampler


def make_sampler(config: SamplerConfig, *, seed: int, observations: Observations | None = None) -> BaseSampler:
    """Make a sampler; it keeps no state, so a resumed sweep samples as an uninterrupted one would.

    TPE runs multivariate and grouped, so that dimensions under conditions are modelled together where they occur
    together; Optuna's own default for several objectives is independent TPE. It sees a bounded number of trials. GP
    models the dimensions that all trials have in common, and only completed trials.

    Args:
        config: The sampler's name and settings.
        seed: Of this sampler.
        observations: What TPE computes of the study's trials, kept from one sampler to the next; it changes nothing
            but the time.

    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match config.name:
            case "tpe":
                return ThinnedTPESampler(
                    observations,
                    n_startup_trials=config.startup_trials,
                    multivariate=True,
                    group=True,
                    constant_liar=True,
                    seed=seed,
                )
            case "gp":
                return GPSampler(n_startup_trials=config.startup_trials, seed=seed)
            case "random":
                return RandomSampler(seed=seed)
            case "nsgaii":
                return NSGAIISampler(seed=seed)
            case "qmc":
                return QMCSampler(seed=seed, scramble=True)
