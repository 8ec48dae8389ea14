from __future__ import annotations

from spaces import METRICS
from spaces.metrics import CONTROLS, shown_scores


def test_every_control_is_a_metric_of_the_same_name_without_constant_box() -> None:
    assert {name.replace("constant_box_", "") for name in CONTROLS} <= set(METRICS)
    assert set(METRICS) >= CONTROLS


def test_every_metric_has_a_direction_ordered_bounds_and_a_meaning() -> None:
    for metric in METRICS.values():
        assert metric.direction in ("maximize", "minimize")
        assert metric.high is None or metric.low < metric.high
        assert metric.meaning


def test_a_grounding_score_is_shown_beside_its_constant_box() -> None:
    scores = {"grounding.miou": 0.5, "grounding.constant_box_miou": 0.125, "text.token_f1": 0.25}
    names = ("grounding.miou", "text.token_f1")
    assert shown_scores(names, scores) == "grounding.miou 0.500 (constant box 0.125), text.token_f1 0.250"
    assert shown_scores(names, {"grounding.miou": 0.5}) == "grounding.miou 0.500, text.token_f1 nan"
