from __future__ import annotations

from spaces import METRICS
from spaces.metrics import CONTROLS


def test_every_control_is_a_metric_of_the_same_name_without_constant_box() -> None:
    assert {name.replace("constant_box_", "") for name in CONTROLS} <= set(METRICS)
    assert set(METRICS) >= CONTROLS


def test_every_metric_has_a_direction_ordered_bounds_and_a_meaning() -> None:
    for metric in METRICS.values():
        assert metric.direction in ("maximize", "minimize")
        assert metric.high is None or metric.low < metric.high
        assert metric.meaning
