from typing import get_args

import optuna
import pytest

from search.samplers import make_sampler
from search.spec import SamplerConfig, SamplerName


@pytest.mark.parametrize("name", get_args(SamplerName))
def test_each_sampler_goes_on_after_completed_and_pruned_trials_as_its_seed_says(name):
    def points():
        study = optuna.create_study(directions=["maximize", "maximize"])
        for number in range(8):
            study.sampler = make_sampler(SamplerConfig(name=name, startup_trials=3), seed=number)
            trial = study.ask()
            x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
            if number == 2:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(trial, [x, 1 - x * y])
        return [trial.params for trial in study.trials]

    assert points() == points()
