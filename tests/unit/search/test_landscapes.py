from typing import get_args

import pytest

from search.landscapes import BASE_SCORES, OBJECTIVES, LandscapeName, MadeLandscape
from spaces import TrialConfig
from spaces.curriculum import CurriculumConfig
from spaces.trial import DataConfig, ModelConfig, TrainingConfig

NAMES = get_args(LandscapeName)


def config_of(*, share=0.5, drift=0.0):
    return TrialConfig(
        number=0,
        attempt=0,
        model=ModelConfig(),
        data=DataConfig.model_validate({"sources": [{"source": "shapes"}]}),
        training=TrainingConfig(steps=24, rungs=(6, 12)),
        curriculum=CurriculumConfig(mix="task", grounding_share=share, grounding_drift=drift),
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_same_settings_report_the_same(name):
    landscape = MadeLandscape(name, seed=3)
    reports = list(landscape.reports(config_of()))
    assert reports == list(landscape.reports(config_of()))
    assert [report.step for report in reports] == [6, 12, 24]
    assert reports != list(MadeLandscape(name, seed=4).reports(config_of()))


@pytest.mark.parametrize("name", NAMES)
def test_the_last_report_is_the_true_final_score_and_noise(name):
    landscape = MadeLandscape(name)
    *_, last = landscape.reports(config_of(drift=8.0))
    assert [last.metrics[metric] for metric in OBJECTIVES] == pytest.approx(
        landscape.finals(config_of(drift=8.0)), abs=0.04
    )


def test_more_grounding_rows_trade_text_for_grounding():
    landscape = MadeLandscape("constant")
    few, many = landscape.finals(config_of(share=0.2)), landscape.finals(config_of(share=0.8))
    assert many[0] > few[0] > BASE_SCORES["grounding"]
    assert few[1] > many[1] > BASE_SCORES["text"]


def test_a_drift_towards_grounding_gives_it_late():
    exposures = [next(MadeLandscape("mixed").reports(config_of(drift=drift))).exposure for drift in (-8.0, 0.0, 8.0)]
    grounding = [exposure["grounding"] for exposure in exposures]
    assert grounding == sorted(grounding, reverse=True)
    assert grounding[2] < 0.1


@pytest.mark.parametrize(("name", "sign"), [("latewin", 1), ("mixed", 0), ("crossed", -1)])
def test_what_learning_late_is_worth_depends_on_the_landscape(name, sign):
    landscape = MadeLandscape(name)
    late, plain = landscape.finals(config_of(drift=8.0)), landscape.finals(config_of())
    assert [late[0] - plain[0], late[1] - plain[1]] == pytest.approx([0.05 * sign, 0.04 * sign])


def test_in_the_intrinsic_landscape_a_third_learn_late_for_hidden_reasons():
    landscape, plain = MadeLandscape("intrinsic"), MadeLandscape("constant")
    configs = [config_of(share=0.05 + place / 1000) for place in range(900)]
    late = [landscape.finals(config) > plain.finals(config) for config in configs]
    assert 0.3 < sum(late) / len(late) < 0.4
