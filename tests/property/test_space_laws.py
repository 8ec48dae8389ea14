import optuna
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces import SearchSpace, leaves, parse_space, settings_of

optuna.logging.set_verbosity(optuna.logging.WARNING)

WEIGHT = {"range": [0.01, 5], "log": True}
SEARCHED = {
    ("adapter", "rank"): {"range": [1, 64], "log": True},
    ("adapter", "targets"): {"choice": ["attention", "all"]},
    ("adapter", "dropout"): {"range": [0.0, 0.5], "step": 0.1},
    ("optimizer", "learning_rate"): {"range": [1e-5, 1e-2], "log": True, "baseline": 3e-4},
    ("optimizer", "decay"): {"choice": ["linear", "cosine"]},
    ("mixture", "box_ce", "weight"): WEIGHT,
    ("mixture", "box_ce", "shape"): {"choice": ["constant", "linear", "cosine"]},
    ("mixture", "box_ce", "octaves"): {"range": [-3, 3], "when": {"mixture.box_ce.shape": ["linear", "cosine"]}},
    ("mixture", "giou", "on"): {"choice": [True, False]},
    ("mixture", "giou", "weight"): WEIGHT | {"when": {"mixture.giou.on": True}},
    ("curriculum", "pacing"): {"choice": ["none", "root"]},
    ("curriculum", "start_share"): {"range": [0.1, 0.9], "when": {"curriculum.pacing": "root"}},
}
spaces = st.sets(st.sampled_from(sorted(SEARCHED)), min_size=1)


def space_of(keys):
    raw = {}
    for path in keys:
        node = raw
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = SEARCHED[path]
    space, faults = parse_space(raw)
    # a condition on a key that is fixed elsewhere is a fault of its own
    assert all(fault.path[-2] == "when" for fault in faults)
    return space


def asked(seed):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()


@given(spaces, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_point_lies_in_its_domains_and_builds_its_settings(keys, seed):
    space = space_of(keys)
    point = space.draw(asked(seed))
    assert set(point) == set(leaves())
    for key, domain in space.dimensions.items():
        assert domain.holds(point[key]) if domain.is_active(point) else point[key] == space.home(key)
    settings_of(point)


@given(spaces, st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_point_is_drawn_again_from_its_active_values(keys, seed):
    space = space_of(keys)
    point = space.draw(asked(seed))
    assert space.draw(optuna.trial.FixedTrial(dict(space.active(point)))) == point


@given(spaces)
@settings(max_examples=40, deadline=None)
def test_a_space_survives_json(keys):
    space = space_of(keys)
    assert SearchSpace.model_validate_json(space.model_dump_json()) == space


@given(spaces)
@settings(max_examples=40, deadline=None)
def test_the_baseline_is_always_plain_cross_entropy_without_a_curriculum(keys):
    config = settings_of(space_of(keys).baseline())
    weights = {name: term.weight_at(0.3) for name, term in config.mixture.terms().items() if term.is_used}
    assert weights == {"text_ce": 1, "box_ce": 1}
    assert config.curriculum.pacing == "none"


@given(spaces, st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_only_dimensions_whose_condition_fails_play_no_part(keys, seed):
    space = space_of(keys)
    point = space.draw(asked(seed))
    used = space.used(point)
    unused = {key for key, value in used.items() if value is None}
    assert unused == {key for key, domain in space.dimensions.items() if not domain.is_active(point)}
