from __future__ import annotations

import pytest
from pydantic import ValidationError

from spaces import TERM_NAMES, MixtureConfig, TermConfig


def test_the_default_is_plain_cross_entropy() -> None:
    weights = {name: term.weight_at(0.3) for name, term in MixtureConfig().terms().items()}

    assert weights == dict.fromkeys(TERM_NAMES, 0.0) | {"text_ce": 1.0, "box_ce": 1.0}


def test_every_term_has_a_field_of_its_name() -> None:
    assert tuple(MixtureConfig.model_fields) == TERM_NAMES
    assert tuple(MixtureConfig().terms()) == TERM_NAMES


def test_a_weight_follows_its_curve() -> None:
    # By hand: one octave gives factors from 2/5 to 8/5.
    term = TermConfig(weight=2.0, shape="linear", octaves=1.0)

    assert [term.weight_at(at) for at in (0.0, 0.5, 1.0)] == pytest.approx([0.8, 2.0, 3.2])


def test_a_term_that_is_off_has_no_weight() -> None:
    assert TermConfig(on=False, weight=5.0, shape="linear", octaves=2.0).weight_at(0.5) == 0.0


@pytest.mark.parametrize("term", [TermConfig(on=False), TermConfig(weight=0.0)])
def test_a_mixture_without_any_weight_is_refused(term: TermConfig) -> None:
    with pytest.raises(ValidationError, match="nothing would be learnt"):
        MixtureConfig(text_ce=term, box_ce=term)


@pytest.mark.parametrize("settings", [{"weight": -1}, {"octaves": 3.5}, {"shape": "stair"}, {"weight": float("inf")}])
def test_an_impossible_term_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TermConfig.model_validate(settings)
