from __future__ import annotations

from datetime import datetime
from typing import get_args

import pytest
from pydantic import ValidationError

from search.spec import (
    ObjectiveConfig,
    PrunerConfig,
    SamplerConfig,
    SearchConfig,
    SweepSpec,
    contradictions,
    end_of,
    key_fields,
)
from spaces import METRICS, parse_space
from spaces.metrics import CONTROLS, DIAGNOSTICS

RAW = {
    "data": {"sources": [{"source": "shapes"}]},
    "objectives": [{"metric": "grounding.miou"}, {"metric": "text.token_f1"}],
}


def spec_of(**sections: object) -> SweepSpec:
    return SweepSpec.model_validate(RAW | sections)


@pytest.mark.parametrize("metric", sorted(set(METRICS) - CONTROLS - DIAGNOSTICS))
def test_an_objective_takes_the_direction_of_its_score(metric: str) -> None:
    assert ObjectiveConfig.model_validate({"metric": metric}).direction == METRICS[metric].direction


def test_a_contrary_direction_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match=r"got minimize, but a larger grounding\.miou is better"):
        ObjectiveConfig(metric="grounding.miou", direction="minimize")


def test_a_score_that_a_model_without_boxes_lacks_cannot_be_an_objective() -> None:
    with pytest.raises(ValidationError, match=r"has no value for a model that predicts no box"):
        ObjectiveConfig(metric="grounding.duplicate_rate")


@pytest.mark.parametrize("metric", sorted(CONTROLS))
def test_a_control_cannot_be_an_objective(metric: str) -> None:
    with pytest.raises(ValidationError, match="is a control"):
        ObjectiveConfig(metric=metric)


@pytest.mark.parametrize(
    "objectives",
    [
        ["grounding.miou"],
        ["grounding.miou", "grounding.miou"],
        ["grounding.miou", "text.token_f1", "text.exact_match"],
    ],
)
def test_anything_but_two_different_objectives_is_refused(objectives: list[str]) -> None:
    with pytest.raises(ValidationError):
        spec_of(objectives=objectives)


def test_names_alone_stand_for_sampler_pruner_and_objectives() -> None:
    spec = spec_of(search={"sampler": "qmc", "pruner": "none"}, objectives=["grounding.acc50", "text.exact_match"])

    assert spec.search.sampler == SamplerConfig(name="qmc")
    assert spec.search.pruner == PrunerConfig(name="none")
    assert [objective.metric for objective in spec.objectives] == ["grounding.acc50", "text.exact_match"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("8h", 28800),
        ("30m", 1800),
        ("45s", 45),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1d 2h", 93600),
        (90, 90),
        (0.5, 0.5),
    ],
)
def test_a_time_limit_is_a_duration_or_seconds(written: str | float, seconds: float) -> None:
    assert SearchConfig.model_validate({"time_limit": written}).time_limit == seconds


@pytest.mark.parametrize("written", ["8 hours", "h", "", "-3s", "0s", 0, -1, "3x", "1h!30m", float("inf")])
def test_any_other_time_limit_is_refused(written: str | float) -> None:
    with pytest.raises(ValidationError):
        SearchConfig.model_validate({"time_limit": written})


@pytest.mark.parametrize("storage", ["study.db", "/home/me/study.db", "://x", "sqlite:// a"])
def test_a_storage_that_is_no_url_is_refused(storage: str) -> None:
    with pytest.raises(ValidationError, match="expected a URL"):
        SearchConfig(storage=storage)


def test_a_spec_survives_json() -> None:
    space, faults = parse_space(
        {
            "adapter": {"rank": {"range": [4, 64], "log": True}, "dropout": {"range": [0, 0.2], "step": 0.1}},
            "optimizer": {"learning_rate": {"range": [1e-5, 1e-2], "log": True, "baseline": 1e-4}},
            "mixture": {
                "giou": {
                    "on": {"choice": [True, False]},
                    "weight": {"range": [1, 2], "when": {"mixture.giou.on": True}},
                }
            },
        }
    )
    spec = spec_of(search={"time_limit": "10h", "storage": "sqlite:////x/y.db"}, trial={"rungs": [5, 9]}, space=space)

    assert faults == []
    assert SweepSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        spec_of().search.trials = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_every_key_has_a_description() -> None:
    assert [key for key, field in key_fields() if not field.description] == []


def test_every_sampler_and_pruner_name_is_accepted() -> None:
    for name in get_args(SamplerConfig.model_fields["name"].annotation):
        assert SamplerConfig(name=name).name == name
    for name in get_args(PrunerConfig.model_fields["name"].annotation):
        assert PrunerConfig(name=name).name == name


@pytest.mark.parametrize(
    ("sections", "given", "path"),
    [
        ({}, set(), ("space",)),
        ({"search": {"trials": 1, "pruner": "median_all"}}, {"search.pruner"}, ("search", "pruner")),
        ({"search": {"trials": 1}, "trial": {"rung_rows": 64, "final_rows": 10}}, set(), ("trial", "final_rows")),
        (
            {"search": {"trials": 1, "pruner": {"name": "none", "stock": "hyperband"}}},
            {"search.pruner.stock"},
            ("search", "pruner", "stock"),
        ),
        (
            {"search": {"trials": 1, "pruner": {"name": "none", "patience": 2}}},
            {"search.pruner.patience"},
            ("search", "pruner", "patience"),
        ),
        (
            {"search": {"trials": 1, "pruner": {"name": "median_all", "gain_quantile": 0.9}}},
            {"search.pruner.gain_quantile"},
            ("search", "pruner", "gain_quantile"),
        ),
        (
            {"search": {"trials": 1, "pruner": {"name": "optuna", "stock": "threshold"}}},
            {"search.pruner.stock"},
            ("search", "pruner", "stock"),
        ),
    ],
)
def test_settings_that_make_no_sense_together_are_found(
    sections: dict[str, object], given: set[str], path: tuple[str, ...]
) -> None:
    assert [fault.path for fault in contradictions(spec_of(**sections), frozenset(given))] == [path]


def test_a_pruner_that_nobody_named_needs_no_rungs() -> None:
    assert contradictions(spec_of(search={"trials": 1}), frozenset({"search", "search.trials"})) == []


MOVING = (
    "curriculum.pacing",
    "curriculum.grounding_drift",
    "mixture.box_ce.octaves",
    "mixture.giou.shape",
    "mixture.weighting.name",
)


@pytest.mark.parametrize("key", MOVING)
def test_moasha_is_refused_where_trials_learn_the_tasks_at_different_times(key: str) -> None:
    space = {"dimensions": {key: {"values": ("a", "b")}, "curriculum.mix": {"values": ("task",)}}}
    for term in ("box_ce", "giou"):
        space["dimensions"] |= {f"mixture.{term}.on": {"values": (True,)}}
    space["dimensions"].setdefault("mixture.box_ce.shape", {"values": ("linear",)})
    spec = spec_of(space=space, search={"pruner": "moasha"})
    assert [fault.path for fault in contradictions(spec, frozenset())] == [("search", "pruner")]
    forced = spec_of(space=space, search={"pruner": {"name": "moasha", "force": True}})
    assert contradictions(forced, frozenset({"search.pruner.force"})) == []


def test_moasha_is_accepted_where_trials_differ_in_nothing_that_moves() -> None:
    space = {"dimensions": {"mixture.giou.weight": {"low": 0.1, "high": 1}, "mixture.giou.on": {"values": (True,)}}}
    assert contradictions(spec_of(space=space, search={"pruner": "moasha"}), frozenset()) == []


def mixed(curriculum: object, *, sources: int) -> list[tuple[tuple[str | int, ...], str]]:
    space, faults = parse_space({"curriculum": curriculum})
    assert faults == []
    data = {"sources": [{"source": "shapes", "seed": seed} for seed in range(sources)]}
    spec = spec_of(data=data, space=space, search={"trials": 1})
    return [(fault.path, fault.message) for fault in contradictions(spec, frozenset())]


@pytest.mark.parametrize("mix", ["temperature", "sources"])
def test_a_mix_of_sources_needs_two(mix: str) -> None:
    message = f"mix: {mix} shares rows out among sources, but data.sources has one"

    assert mixed({"mix": mix}, sources=1) == [(("space", "curriculum", "mix"), message)]
    assert mixed({"mix": {"choice": ["data", mix]}}, sources=1) == [(("space", "curriculum", "mix"), message)]
    assert mixed({"mix": mix}, sources=2) == []


def test_a_stick_without_a_source_is_refused() -> None:
    message = "it has no effect: with 2 data.sources, 1 of the sticks are used"

    assert mixed({"mix": "sources", "stick_1": 0.3, "stick_2": {"range": [0, 1]}}, sources=2) == [
        (("space", "curriculum", "stick_2"), message)
    ]
    assert mixed({"mix": "sources", "stick_7": 0.3}, sources=8) == []


def test_more_sources_than_sticks_are_refused() -> None:
    assert mixed({"mix": "sources"}, sources=9) == [
        (("space", "curriculum", "mix"), "mix: sources is for at most 8 sources; data.sources has 9")
    ]
    assert mixed({"mix": "temperature"}, sources=9) == []


def test_presets_must_fit_into_the_trials_and_stand_once() -> None:
    faults = contradictions(spec_of(search={"trials": 2, "enqueue": ["ntl", "dist2"]}), frozenset())

    assert faults[-1].message == "the baseline and ntl, dist2 do not fit into search.trials: 2"
    with pytest.raises(ValidationError, match="ntl stands twice"):
        spec_of(search={"enqueue": ["ntl", "ntl"]})
    with pytest.raises(ValidationError):
        spec_of(search={"enqueue": ["ntls"]})


def test_gp_is_refused_where_proposing_would_take_longer_than_training() -> None:
    space = {"dimensions": {"optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}}
    many = spec_of(space=space, search={"sampler": "gp", "trials": 201})
    assert [fault.path for fault in contradictions(many, frozenset())] == [("search", "sampler")]
    assert contradictions(spec_of(space=space, search={"sampler": "gp", "trials": 200}), frozenset()) == []


def test_a_score_has_one_constraint() -> None:
    twice = [{"metric": "text.bleu", "max_drop": 0.1}, {"metric": "text.bleu", "max_drop": 0.2}]
    with pytest.raises(ValidationError, match=r"text\.bleu stands twice"):
        spec_of(search={"constraints": twice})


def test_a_control_cannot_be_constrained() -> None:
    with pytest.raises(ValidationError, match="it cannot be a constraint"):
        spec_of(search={"constraints": [{"metric": "grounding.constant_box_miou", "max_drop": 0.1}]})


@pytest.mark.parametrize(
    ("deadline", "end"),
    [
        ("07:30", datetime(2026, 3, 2, 7, 30)),
        ("22:15", datetime(2026, 3, 1, 22, 15)),
        ("22:00", datetime(2026, 3, 2, 22, 0)),
        ("2026-03-05 06:00", datetime(2026, 3, 5, 6, 0)),
    ],
)
def test_a_deadline_is_the_next_time_of_day_or_a_date(deadline: str, end: datetime) -> None:
    assert end_of(deadline, now=datetime(2026, 3, 1, 22, 0)) == end


@pytest.mark.parametrize("deadline", ["25:00", "7:30", "tomorrow", "2026-13-01 07:30", "07:30:15"])
def test_a_deadline_that_is_no_time_is_refused(deadline: str) -> None:
    with pytest.raises(ValidationError, match="deadline"):
        SearchConfig.model_validate({"deadline": deadline})
