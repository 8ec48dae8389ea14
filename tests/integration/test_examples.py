"""Every choice of an example trains; together they name every term, weighting, schedule and pacing."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from search.spec_file import load_spec
from spaces import TERM_NAMES, Choice, ModelConfig, TrialConfig, settings_of
from spaces.curriculum import Mix, Order, Pacing
from spaces.schedules import Shape
from spaces.space import has_effect
from spaces.weighting import WeightingName
from trainable.host import Host
from trainable.trial import Trial

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("losses", "weightings", "curriculum")
SPECS = {name: load_spec(EXAMPLES / f"{name}.yaml") for name in NAMES}
CHOICES = [
    (name, key, value)
    for name, spec in SPECS.items()
    for key, domain in spec.space.dimensions.items()
    if isinstance(domain, Choice)
    for value in domain.values
]


class Forced:
    """A suggester that gives one key its value, opens every gate before it, and takes the middle of everything else."""

    def __init__(self, key, value):
        self.key, self.value = key, value
        self.open = {
            "mixture.giou.shape": "step",
            "curriculum.pacing": "exponential",
            "mixture.weighting.name": "dwa",
        }

    def suggest_float(self, name, low, high, *, step=None, log=False):
        return (low * high) ** 0.5 if log else (low + high) / 2

    def suggest_int(self, name, low, high, *, step=1, log=False):
        return low

    def suggest_categorical(self, name, choices):
        if name == self.key:
            return self.value
        wanted = self.open.get(name, True)
        return wanted if wanted in choices else choices[0]


@pytest.fixture(scope="module")
def hosts():
    torch.set_num_threads(1)
    made = {}
    for name, spec in SPECS.items():
        sources = tuple(source.model_copy(update={"scenes": 12}) for source in spec.data.sources)
        made[name] = Host(ModelConfig(), spec.data.model_copy(update={"sources": sources, "search_share": 0.4}))
    return made


@pytest.mark.parametrize(("name", "key", "value"), CHOICES, ids=str)
def test_every_choice_of_an_example_trains(hosts, name, key, value):
    spec, host = SPECS[name], hosts[name]
    point = spec.space.draw(Forced(key, value))
    assert point[key] == value and has_effect(key, point)
    training = spec.trial.model_copy(update={"steps": 3, "rungs": (), "batch": 4, "rung_rows": 2, "final_rows": 4})
    config = TrialConfig(number=1, model=spec.model, data=host.data, training=training)
    trial = Trial(config.model_copy(update=vars(settings_of(point))), host)
    try:
        report = trial.advance()
    finally:
        trial.close()
    assert set(report.weighted) == set(config.model_copy(update=vars(settings_of(point))).mixture.mean_weights())
    assert report.exposure == {"grounding": 1.0, "text": 1.0}


def values_of(key):
    return {value for _, own, value in CHOICES if own == key}


def test_the_examples_name_everything_that_can_be_chosen():
    gates = {key.split(".")[1] for _, key, value in CHOICES if key.endswith(".on") and value is True}
    assert gates | {"text_ce", "box_ce"} == set(TERM_NAMES)
    assert values_of("mixture.weighting.name") == set(get_args(WeightingName))
    assert values_of("mixture.box_ce.shape") == set(get_args(Shape))
    assert values_of("curriculum.pacing") == set(get_args(Pacing))
    assert values_of("curriculum.order") == set(get_args(Order))
    assert values_of("curriculum.mix") == set(get_args(Mix))
