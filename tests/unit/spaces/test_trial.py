from __future__ import annotations

import pytest
from pydantic import ValidationError

from spaces import DataConfig, ModelConfig, TrainingConfig, TrialConfig


def test_a_trial_reports_at_its_rungs_and_its_last_step() -> None:
    assert TrainingConfig(steps=90, rungs=(22, 45)).report_steps == (22, 45, 90)
    assert TrainingConfig(steps=90).report_steps == (90,)


@pytest.mark.parametrize("rungs", [(0, 5), (5, 5), (7, 5), (5, 10), (5, 11)])
def test_rungs_that_do_not_rise_below_the_last_step_are_refused(rungs: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="rungs must rise and lie between 1 and 9"):
        TrainingConfig(steps=10, rungs=rungs)


@pytest.mark.parametrize(
    "source",
    [
        {"source": "shapes", "scenes": 8},
        {"source": "coco", "annotations": "a.json", "images": "i"},
        {"source": "llamafactory", "folder": "d", "dataset": "x"},
    ],
)
def test_a_whole_trial_survives_json(source: dict[str, object]) -> None:
    data = DataConfig.model_validate({"sources": [source]})
    trial = TrialConfig(number=3, model=ModelConfig(), data=data, training=TrainingConfig(rungs=(5,)))

    assert TrialConfig.model_validate_json(trial.model_dump_json()) == trial


@pytest.mark.parametrize("raw", [{"sources": []}, {"sources": [{"source": "voc"}]}, {"sources": [{}]}])
def test_data_without_a_known_source_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DataConfig.model_validate(raw)


def test_a_trial_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TrainingConfig().steps = 3  # pyright: ignore[reportAttributeAccessIssue]
