"""Rows that a point needs, against simulated comparisons."""

import math

import numpy as np
import pytest
from made_search import made_spec
from timed_sweep import swept

from results import PredictionRow, RecordWriter
from search.planning.items import assumed_spread, needed, rows_needed, visible_difference
from search.planning.spreads import paired_spreads
from search.recorder import record_columns
from search.sweep_spec import SPEC_KEY

Z = 1.959963984540054  # of a two-sided test at 5 %


def power(differences):
    """Give the share of simulated comparisons, one a row, in which a paired z test sees a difference."""
    means = differences.mean(axis=1)
    errors = differences.std(axis=1, ddof=1) / math.sqrt(differences.shape[1])
    return np.mean(np.abs(means) > Z * errors)


def test_the_number_is_that_of_the_textbook():
    """By hand: (1.95996 + 0.84162)² · 0.25² / 0.01² = 7.84888 · 625 = 4905.55."""
    assert rows_needed(0.25) == 4906


def test_graded_scores_of_so_many_rows_show_the_difference_in_four_of_five_comparisons():
    rows = rows_needed(0.1, difference=0.02)
    rng = np.random.default_rng(0)

    assert power(rng.normal(0.02, 0.1, (4000, rows))) == pytest.approx(0.8, abs=0.02)


def test_right_or_wrong_answers_of_so_many_rows_show_it_as_well():
    """Discordant in a fifth of the rows, and 0.05 more of them in favour of one trial."""
    gain, discordance = 0.05, 0.2
    rows = rows_needed(math.sqrt(discordance - gain**2), difference=gain)
    rng = np.random.default_rng(0)
    shares = [(discordance + gain) / 2, (discordance - gain) / 2]
    drawn = rng.choice([1, -1, 0], p=[*shares, 1 - discordance], size=(4000, rows))

    assert power(drawn) == pytest.approx(0.8, abs=0.02)


def test_what_rows_show_is_the_inverse_of_what_a_difference_needs():
    assert visible_difference(0.25, rows=rows_needed(0.25)) == pytest.approx(0.01, rel=1e-3)


def test_an_objective_is_compared_with_the_rows_of_its_own_task():
    first, second = needed(
        ("grounding.miou", "text.token_f1"),
        present={"grounding": 100, "text": 10_000},
        measured={"text.token_f1": (0.1, 6)},
    )

    assert (first.rows, first.pairs, first.present) == (4906, 0, 100)
    assert first.visible == pytest.approx(0.01 * math.sqrt(4906 / 100), rel=1e-3)
    assert (second.rows, second.pairs, second.present) == (785, 6, 10_000)


def test_nothing_is_made_up_for_means_over_tokens():
    assert assumed_spread("text.perplexity") is None
    assert needed(("text.perplexity",), present={"text": 5}, measured={})[0].rows is None


def predictions(folder, metric, scores, weights):
    """Write a sweep whose trials answered rows; ``scores`` are of shape trials by rows, a ``nan`` does not count."""
    spec = made_spec()
    swept(folder, spec, [("COMPLETE", 6)] * len(scores))
    metadata = {SPEC_KEY: spec.model_dump_json()}
    writer = RecordWriter(folder, record_columns(spec), metadata)
    for trial, own in enumerate(scores):
        rows = [
            PredictionRow(
                trial, None, 0, 6, "search", f"row {item}", "", scores={metric: score}, weights={metric: weight}
            )
            for item, (score, weight) in enumerate(zip(own.tolist(), weights.tolist(), strict=True))
        ]
        text = PredictionRow(trial, None, 0, 6, "search", "a row of another task", "")
        other = PredictionRow(trial, 1, 0, 6, "test", "row 0", "", scores={metric: 99.0}, weights={metric: 1.0})
        writer.append_predictions([*rows, text])
        writer.append_predictions([other])


def test_the_spread_of_a_mean_is_that_of_the_rows_differences(tmp_path):
    scores = np.random.default_rng(1).random((3, 40))
    predictions(tmp_path, "grounding.miou", scores, np.ones(40))

    (spread, pairs) = paired_spreads(tmp_path, ["grounding.miou"])["grounding.miou"]

    variances = [np.var(scores[a] - scores[b], ddof=1) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert spread == pytest.approx(math.sqrt(np.mean(variances)))
    assert pairs == 3


def test_the_spread_of_a_ratio_is_that_of_a_bootstrap(tmp_path):
    """Oracle: the standard error of the difference of two ratios, resampling rows in pairs, times the root of rows."""
    rng = np.random.default_rng(2)
    weights = rng.integers(1, 9, 400).astype(float)
    scores = weights * rng.uniform(0.5, 1.5, (2, 400)) * np.array([[1.0], [1.1]])
    predictions(tmp_path, "text.perplexity", scores, weights)

    (spread, pairs) = paired_spreads(tmp_path, ["text.perplexity"])["text.perplexity"]

    drawn = rng.integers(0, 400, (4000, 400))
    ratios = scores[:, drawn].sum(axis=2) / weights[drawn].sum(axis=1)
    assert spread == pytest.approx((ratios[1] - ratios[0]).std(ddof=1) * math.sqrt(400), rel=0.05)
    assert pairs == 1


def test_a_sweep_without_predictions_tells_nothing(tmp_path):
    swept(tmp_path, made_spec(), [("COMPLETE", 6)] * 3)

    assert paired_spreads(tmp_path, ["grounding.miou", "text.perplexity"]) == {}
