from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spaces import TERM_NAMES, MixtureConfig, TermConfig
from spaces.mixture import RatioTermConfig, TermName

weights = st.floats(1e-2, 1e3)


def test_the_default_is_plain_cross_entropy() -> None:
    assert MixtureConfig().weights_at(0.3) == dict.fromkeys(TERM_NAMES, 0.0) | {"text_ce": 1.0, "box_ce": 1.0}


def test_every_term_has_a_field_of_its_name() -> None:
    assert tuple(MixtureConfig.model_fields) == ("scale", "weighting", *TERM_NAMES)
    assert tuple(MixtureConfig().terms()) == TERM_NAMES


def test_a_weight_follows_its_curve() -> None:
    # By hand: one octave gives factors from 2/5 to 8/5.
    config = MixtureConfig(text_ce=TermConfig(weight=2.0, shape="linear", octaves=1.0))

    assert [config.weights_at(at)["text_ce"] for at in (0.0, 0.5, 1.0)] == pytest.approx([0.8, 2.0, 3.2])


def test_a_term_that_is_off_has_no_weight() -> None:
    config = MixtureConfig(box_ce=RatioTermConfig(on=False, weight=5.0, shape="linear", octaves=2.0))

    assert config.weights_at(0.5)["box_ce"] == 0.0


@pytest.mark.parametrize("settings", [{"on": False}, {"weight": 0.0}])
def test_a_mixture_without_any_weight_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="nothing would be learnt"):
        MixtureConfig.model_validate({"text_ce": settings, "box_ce": settings})


def test_a_calibrated_term_needs_no_weight_of_the_plain_scale() -> None:
    config = MixtureConfig.model_validate({"scale": "calibrated", "text_ce": {"weight": 0.0}, "box_ce": {"on": False}})

    assert config.mean_weights() == {"text_ce": 1.0}


@pytest.mark.parametrize("settings", [{"weight": -1}, {"octaves": 3.5}, {"shape": "stair"}, {"weight": float("inf")}])
def test_an_impossible_term_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TermConfig.model_validate(settings)


def test_calibrated_weights_keep_their_ratios_to_text_and_sum_to_the_number_of_terms() -> None:
    config = MixtureConfig.model_validate(
        {"scale": "calibrated", "box_ce": {"log10": 1.0}, "ntl_was": {"on": True, "log10": -1.0}}
    )

    # By hand: ratios 1, 10 and 0.1, so each is multiplied by 3 / 11.1.
    assert config.mean_weights() == pytest.approx({"text_ce": 3 / 11.1, "box_ce": 30 / 11.1, "ntl_was": 0.3 / 11.1})


@given(st.fixed_dictionaries({"text_ce": weights}, optional=dict.fromkeys(TERM_NAMES[1:], weights)))
def test_weights_survive_the_way_to_a_calibrated_mixture_and_back(given_weights: dict[TermName, float]) -> None:
    config = MixtureConfig().with_calibrated_weights(given_weights)

    found = config.mean_weights()

    assert math.fsum(found.values()) == pytest.approx(len(given_weights), rel=1e-12)
    scale = len(given_weights) / math.fsum(given_weights.values())
    assert found == pytest.approx({name: scale * weight for name, weight in given_weights.items()}, rel=1e-12)


@given(st.dictionaries(st.sampled_from(TERM_NAMES[1:]), st.integers(-4_000_000, 4_000_000)))
def test_a_calibrated_mixture_survives_the_way_to_its_weights_and_back(millionths: dict[TermName, int]) -> None:
    terms = {name: {"on": name in millionths, "log10": millionths.get(name, 0) / 1e6} for name in TERM_NAMES[1:]}
    config = MixtureConfig.model_validate({"scale": "calibrated", **terms})

    again = config.with_calibrated_weights(config.mean_weights())

    for name, term in config.terms().items():
        assert again.terms()[name].on == term.on
        if isinstance(term, RatioTermConfig) and term.on:
            assert again.terms()[name].model_dump() == term.model_dump() | {
                "log10": pytest.approx(term.log10, abs=1e-12)
            }


@pytest.mark.parametrize(
    "bad", [{"box_ce": 1.0}, {"text_ce": 0.0}, {"text_ce": 1.0, "kl": -1.0}, {"text_ce": 1.0, "nonsense": 1.0}]
)
def test_weights_that_have_no_ratio_to_text_are_refused(bad: dict[TermName, float]) -> None:
    with pytest.raises(ValueError, match="weights must be above 0, of known terms, and hold text_ce"):
        MixtureConfig().with_calibrated_weights(bad)
