"""What a worker tells the driver, as plain texts."""

import json

import pytest

from trainable.evaluation.prediction import Prediction
from trainable.messages import PREDICTIONS_KEY, REPORT_KEY, report_of, report_result
from trainable.report import TrialReport, plain_report, report_from

REPORT = TrialReport(4, 1.0, 2.5, {"text.token_f1": 0.5}, {"text_ce": 1.0}, {"text_ce": 1.0}, {}, {"text": 1.0})
ANSWERS = (
    Prediction("a#1", "<|box_start|>(1,2),(3,4)<|box_end|>", (1.0, 2.0, 3.0, 4.0), {"grounding.miou": 0.25},
               {"grounding.miou": 1.0}),
    Prediction("a#2", "ein ☃", (), {"text.perplexity": 3.5}, {"text.perplexity": 2.0}),
)  # fmt: skip
LAST = TrialReport(*(getattr(REPORT, name) for name in plain_report(REPORT)[0]), predictions=ANSWERS)


@pytest.mark.parametrize("report", [REPORT, LAST], ids=["rung", "last"])
def test_a_report_survives_its_way(report):
    result = report_result(report)
    assert all(isinstance(text, str) for text in result.values())
    assert report_of({**result, "pid": 7}) == report


def test_answers_travel_beside_the_last_report_under_a_key_of_their_own():
    assert set(report_result(REPORT)) == {REPORT_KEY}
    assert set(report_result(LAST)) == {REPORT_KEY, PREDICTIONS_KEY}
    assert "predictions" not in json.loads(report_result(LAST)[REPORT_KEY])


def test_a_report_of_an_older_worker_has_no_answers():
    plain, _ = plain_report(LAST)
    assert report_from(plain, None) == REPORT
