"""A recorded trial's settings come back from its record, and from the sweep file that trains it again."""

import optuna
import pytest

from search.export.chosen import ChosenTrial
from search.export.retrain import deviations, train_yaml
from search.recorded_point import home_point
from search.spec_file import load_spec
from spaces import parse_space, settings_of
from spaces.space import has_effect

CONDITIONAL = {
    "adapter": {
        "rank": {"choice": [4, 8]},
        "dropout": {"range": [0, 0.2], "when": {"adapter.rank": 8}, "baseline": 0.1},
    },
    "optimizer": {"learning_rate": {"range": [1e-5, 1e-2], "log": True}},
    "mixture": {"box_ce": {"weight": 0.5}, "giou": {"on": {"choice": [True, False]}, "decoding": "carry"}},
}


def specs(examples):
    for name in ("weightings", "curriculum", "losses", "shapes", "overnight"):
        path = examples / f"{name}.yaml"
        yield load_spec(path)
    space, faults = parse_space(CONDITIONAL)
    assert not faults
    yield load_spec(examples / "shapes.yaml").model_copy(update={"space": space})


def points(space, *, count=12):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=5))
    return [space.baseline(), *(space.draw(study.ask()) for _ in range(count))]


def test_what_is_recorded_gives_the_settings_again(examples):
    for spec in specs(examples):
        for point in points(spec.space):
            row = {f"param.{key}": value for key, value in spec.space.used(point).items()}
            again = home_point(spec.space, row)
            settings_of(again)
            assert effects(again) == effects(point)


def effects(point):
    return {key: value for key, value in point.items() if has_effect(key, point)}


@pytest.mark.parametrize("longer", [0.3, 1.0, 4.0])
def test_the_sweep_file_of_a_trial_draws_it_again(longer, examples, tmp_path):
    path = tmp_path / "train.yaml"
    for spec in specs(examples):
        for point in points(spec.space, count=6):
            trial = ChosenTrial(3, "COMPLETE", "search", 0, spec.trial.steps, 9, 1.0, point, {}, {}, 0, "")
            path.write_text(train_yaml(spec, trial, longer=longer))
            again = load_spec(path)
            assert (again.trial.seed, again.search.trials) == (9, 2 if deviations(point) else 1)
            assert again.trial.steps == max(round(longer * spec.trial.steps), 1)
            assert again.data == spec.data and again.model == spec.model
            drawn = points(again.space, count=1)[-1] if deviations(point) else again.space.baseline()
            assert effects(drawn) == effects(point)
            plain = again.space.baseline()
            assert all(plain[key] == point[key] for key in plain if key.startswith(("adapter.", "optimizer.")))
