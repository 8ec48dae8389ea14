import optuna
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces import SearchSpace, leaves, parse_space, settings_of
from spaces.space import has_effect

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
    ("mixture", "giou", "shape"): {"choice": ["constant", "knots", "step"]},
    ("mixture", "giou", "middle"): {"range": [-3, 3]},
    ("mixture", "giou", "log10"): {"range": [-2, 0.5]},
    ("mixture", "scale"): {"choice": ["plain", "calibrated"]},
    ("mixture", "weighting", "name"): {"choice": ["static", "famo", "uncertainty"]},
    ("mixture", "weighting", "famo_rate"): {"range": [0.005, 0.05], "log": True},
    ("curriculum", "pacing"): {"choice": ["none", "root"]},
    ("curriculum", "start_share"): {"range": [0.1, 0.9], "when": {"curriculum.pacing": "root"}},
    ("curriculum", "exponent"): {"range": [1, 5]},
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
    # a condition on a key that is fixed elsewhere is a fault of its own, and so is a key that can have no effect
    assert all(fault.path[-2] == "when" or "it has no effect" in fault.message for fault in faults)
    return space


def is_active(space, key, point):
    return has_effect(key, point) and space.dimensions[key].is_active(point)


def asked(seed):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()


@given(spaces, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_point_lies_in_its_domains_and_builds_its_settings(keys, seed):
    space = space_of(keys)
    point = space.draw(asked(seed))
    assert set(point) == set(leaves())
    for key, domain in space.dimensions.items():
        assert domain.holds(point[key]) if is_active(space, key, point) else point[key] == space.home(key)
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
    assert config.mixture.mean_weights() == {"text_ce": 1, "box_ce": 1}
    assert config.mixture.weighting.name == "static"
    assert config.curriculum.pacing == "none"


@given(spaces, st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_only_what_fails_its_condition_or_has_no_effect_plays_no_part(keys, seed):
    space = space_of(keys)
    point = space.draw(asked(seed))
    used = space.used(point)
    unused = {key for key, value in used.items() if value is None}
    assert unused == {
        key
        for key in leaves()
        if not has_effect(key, point) or (key in space.dimensions and not space.dimensions[key].is_active(point))
    }


@given(spaces, st.integers(0, 9), st.sampled_from(sorted(key for key, leaf in leaves().items() if leaf.needs)))
@settings(max_examples=200, deadline=None)
def test_a_key_without_effect_changes_neither_weights_nor_shares_nor_rates(keys, seed, key):
    """What the declared needs leave out is really left out, and what they keep may matter."""
    point = space_of(keys).draw(asked(seed))
    if has_effect(key, point):
        return
    changed = {**point, key: another_value(key, point[key])}
    assert effect_of(settings_of(changed)) == effect_of(settings_of(point))


def another_value(key, value):
    field = leaves()[key].field
    match value:
        case bool():
            return not value
        case str():
            return next(other for other in field.annotation.__args__ if other != value)
        case int():
            return value + 1
        case _:
            return value * 0.9 + 0.01


def effect_of(config):
    progress = [0.0, 0.3, 0.8]
    curriculum = config.curriculum
    mix = curriculum.mix
    return (
        [config.mixture.weights_at(at) for at in progress],
        [curriculum.share_at(at) for at in progress],
        [curriculum.task_share_at(at) for at in progress] if mix == "task" else mix,
        curriculum.source_shares_at(0.3, [5, 6]) if mix in ("sources", "temperature") else mix,
        config.mixture.weighting.name,
    )


def test_every_value_that_a_key_needs_is_one_that_the_other_key_can_take():
    for leaf in leaves().values():
        for other, values in leaf.needs.items():
            parts = other.split(".")
            raw = {"range": [0, 1]} if isinstance(leaves()[other].default, float) else {"choice": list(values)}
            for part in reversed(parts):
                raw = {part: raw}
            faults = [fault for fault in parse_space(raw)[1] if "expected" in fault.message and not fault.at_key]
            assert faults == [], (leaf.name, faults)
