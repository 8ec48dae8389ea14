from dataclasses import replace

import pytest
from made_sweep import COLUMNS, baseline, complete, make_sweep

from results import read_sweep
from results.fairness import box_scores_of
from results.summary import summarise

CONSTANT = {"constant_box_miou": 0.17, "constant_box_acc50": 0.04}
WIDE = replace(COLUMNS, metrics=(*COLUMNS.metrics, "grounding.duplicate_rate"))


def scores_of(folder, *trials, duplicates=None):
    tables = read_sweep(make_sweep(folder, trials, columns=WIDE))
    reports = tables.reports.assign(
        **{"metric.grounding.duplicate_rate": tables.reports["trial"].map(duplicates or {})}
    )
    tables = replace(tables, reports=reports)
    return box_scores_of(summarise(tables), tables)


def test_the_front_then_the_baseline_with_what_stands_beside_their_box_scores(tmp_path):
    found = scores_of(
        tmp_path, baseline(0.30, 0.50), complete(0.60, 0.51), complete(0.40, 0.55), duplicates={0: 0.01, 1: 0.02}
    )
    assert [one.trial for one in found] == [1, 2, 0]
    assert found[0].scores == {"grounding.miou": 0.60}
    assert found[0].controls == {"grounding.miou": 0.17}
    assert (found[0].parse_failure_rate, found[0].duplicate_rate, found[0].warnings) == (0.02, 0.02, ())
    assert found[1].duplicate_rate is None


def test_more_failures_and_duplicates_than_the_baseline_are_warned_of(tmp_path):
    worse = complete(0.60, 0.51, parse_failure_rate=0.08)
    found = scores_of(tmp_path, baseline(0.30, 0.50), worse, duplicates={0: 0.01, 1: 0.2})
    assert found[0].warnings == (
        "8.0% of the answers hold no possible box, the baseline's rate is 2.0%",
        "20.0% of the predicted boxes repeat another, the baseline's rate is 1.0%",
    )


def test_a_score_at_the_constant_boxs_level_and_a_missing_rate_are_warned_of(tmp_path):
    found = scores_of(tmp_path, baseline(0.17, 0.50, parse_failure_rate=None))
    assert found[0].warnings == (
        "grounding.miou 0.17 is not above 0.17, what one constant box gets",
        "the rate of parse failures was not reported",
    )


@pytest.mark.parametrize("trials", [(), (complete(),)])
def test_no_box_scores_are_none(tmp_path, trials):
    assert scores_of(tmp_path, *trials) == ()
