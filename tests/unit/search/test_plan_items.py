"""Rows that a point needs, against simulated comparisons."""

import math

import numpy as np
import pandas as pd
import pytest

from search.planning.items import assumed_spread, needed, rows_needed, visible_difference
from search.planning.spreads import paired_spreads

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


def predictions(folder, rows):
    (folder / "predictions").mkdir()
    pd.DataFrame(rows).to_parquet(folder / "predictions" / "part-00000.parquet")


def test_the_spread_of_a_mean_is_that_of_the_rows_differences(tmp_path):
    rng = np.random.default_rng(1)
    scores = rng.random((3, 40))
    rows = [
        {
            "trial": trial,
            "run": None,
            "split": "search",
            "item": f"row {item}",
            "score.grounding.miou": scores[trial, item],
            "weight.grounding.miou": 1.0,
        }
        for trial in range(3)
        for item in range(40)
    ]
    rows += [
        {**rows[0], "split": "test", "score.grounding.miou": 99.0},
        {**rows[0], "item": "text", "weight.grounding.miou": None},
    ]
    predictions(tmp_path, rows)

    (spread, pairs) = paired_spreads(tmp_path, ["grounding.miou"])["grounding.miou"]

    variances = [np.var(scores[a] - scores[b], ddof=1) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert spread == pytest.approx(math.sqrt(np.mean(variances)))
    assert pairs == 3


def test_the_spread_of_a_ratio_is_that_of_a_bootstrap(tmp_path):
    """Oracle: the standard error of the difference of two ratios, resampling rows in pairs, times the root of rows."""
    rng = np.random.default_rng(2)
    weights = rng.integers(1, 9, 400).astype(float)
    scores = weights * rng.uniform(0.5, 1.5, (2, 400)) * np.array([[1.0], [1.1]])
    rows = [
        {
            "trial": trial,
            "run": None,
            "split": "search",
            "item": str(item),
            "score.text.perplexity": scores[trial, item],
            "weight.text.perplexity": weights[item],
        }
        for trial in range(2)
        for item in range(400)
    ]
    predictions(tmp_path, rows)

    (spread, pairs) = paired_spreads(tmp_path, ["text.perplexity"])["text.perplexity"]

    drawn = rng.integers(0, 400, (4000, 400))
    ratios = scores[:, drawn].sum(axis=2) / weights[drawn].sum(axis=1)
    assert spread == pytest.approx((ratios[1] - ratios[0]).std(ddof=1) * math.sqrt(400), rel=0.05)
    assert pairs == 1


def test_a_folder_without_predictions_tells_nothing(tmp_path):
    assert paired_spreads(tmp_path, ["grounding.miou"]) == {}
