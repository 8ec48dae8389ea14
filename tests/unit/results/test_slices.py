import numpy as np
import pandas as pd
import pytest
from made_truth import known_sweep

from results.bootstrap import RowTable
from results.slices import MOST_TRIALS, compare_slices, slice_trials
from results.summary import summarise


def compared(predictions, sweep, summary, **settings):
    table = RowTable(predictions, sweep.items, split="search")
    return compare_slices(summary, table, trials=slice_trials(summary), rng=np.random.default_rng(1), **settings)


@pytest.fixture
def sweep():
    truth = np.array([[0.4, 0.4], [0.6, 0.6], [0.41, 0.2]])
    return known_sweep(truth, rows=120, rng=np.random.default_rng(0), spread=0.2)


def test_a_slice_score_is_the_mean_of_its_rows_and_its_difference_that_from_the_baseline(sweep):
    found = compared(sweep.predictions, sweep, summarise(sweep.tables))
    one = next(s for s in found.scores if (s.trial, s.slice, s.score) == (1, "source_0", "grounding.miou"))
    rows = sweep.predictions.merge(sweep.items[["item", "slices"]], on="item")
    rows = rows.loc[rows["slices"].map(lambda names: "source_0" in names) & (rows["split"] == "search")]
    means = rows.groupby("trial")["score.grounding.miou"].mean()
    assert (one.value, one.baseline) == (pytest.approx(means[1]), pytest.approx(means[0]))
    assert (one.rows, one.clusters) == (60, 60)
    assert one.difference.low < means[1] - means[0] < one.difference.high
    assert one.stands_out


def test_the_baseline_has_no_difference_and_counts_no_comparison(sweep):
    found = compared(sweep.predictions, sweep, summarise(sweep.tables))
    own = [s for s in found.scores if s.trial == 0]
    assert own
    assert all(s.difference is None and not s.stands_out for s in own)
    assert found.comparisons == 4  # one other trial on the front, two slices, two scores
    assert found.expected_by_chance == pytest.approx(0.2)
    assert "4 differences" in found.caveats[0]


def test_of_many_differences_without_truth_hardly_any_stands_out():
    hits = 0
    for seed in range(20):
        sweep = known_sweep(np.full((6, 2), 0.5), rows=60, rng=np.random.default_rng(seed), spread=0.3)
        found = compared(sweep.predictions, sweep, summarise(sweep.tables))
        hits += any(score.stands_out for score in found.scores)
    assert hits <= 4  # one in twenty is expected; more than four has a chance of .3 %


def test_without_rows_or_slices_there_is_a_reason(sweep):
    summary = summarise(sweep.tables)
    assert "no predictions" in compared(sweep.predictions.iloc[:0], sweep, summary)
    bare = RowTable(sweep.predictions, sweep.items.assign(slices=[[]] * len(sweep.items)), split="search")
    assert "in a slice" in compare_slices(summary, bare, trials=(0, 1), rng=np.random.default_rng(1))


def test_a_trial_without_predictions_is_said_to_have_none(sweep):
    rows = sweep.predictions.loc[sweep.predictions["trial"] != 0]
    found = compared(pd.DataFrame(rows), sweep, summarise(sweep.tables))
    assert {score.trial for score in found.scores} == {1}
    assert found.comparisons == 0
    assert any("left no predictions" in caveat for caveat in found.caveats)


def test_the_chosen_trials_come_before_the_rest_of_the_front_and_are_few():
    angle = np.linspace(0.1, 1.4, 30)
    truth = np.column_stack([np.cos(angle), np.sin(angle)]) * 0.8
    summary = summarise(known_sweep(truth, rows=2, rng=np.random.default_rng(0), spread=0.0).tables)
    chosen = slice_trials(summary, [25, 24])
    assert chosen[:3] == (0, 25, 24)
    assert len(chosen) == MOST_TRIALS
