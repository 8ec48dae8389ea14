import numpy as np
import pandas as pd
import pytest

from results.bootstrap import SEARCH, RowTable, cluster_weights, deviation_replicates, ratio_replicates

F1, NATS = "grounding.f1_50", "text.perplexity"


def items_of(*rows):
    return pd.DataFrame(rows, columns=["split", "item", "image", "slices"])


def answer(trial, item, *, run=None, attempt=0, step=4, split="search", **cells):
    return {"trial": trial, "run": run, "attempt": attempt, "step": step, "split": split, "item": item, **cells}


def predictions_of(*rows):
    names = ("score", "weight")
    return pd.DataFrame(rows).rename(columns={f"{n}_f1": f"{n}.{F1}" for n in names}).astype({"run": "Int32"})


ITEMS = items_of(
    ("search", "a", "one.png", ["x"]),
    ("search", "b", "one.png", ["x", "y"]),
    ("search", "c", "", ["y"]),
    ("search", "d", "", []),
    ("confirm", "e", "one.png", []),
)


def made(rng, trials=3, rows=40):
    items = items_of(
        *(("search", f"r{i}", f"{i // 3}.png" if i % 4 else "", ["even"] * (i % 2 == 0)) for i in range(rows))
    )
    cells = [
        answer(trial, f"r{i}", score_f1=float(rng.integers(0, 5)), weight_f1=float(rng.integers(5, 9)))
        for trial in range(trials)
        for i in range(rows)
    ]
    return items, predictions_of(*cells)


def test_a_score_is_the_sum_of_its_parts_over_the_sum_of_their_weights():
    table = RowTable(
        predictions_of(
            answer(7, "a", score_f1=2.0, weight_f1=3.0),
            answer(7, "b", score_f1=1.0, weight_f1=1.0),
            answer(7, "c", score_f1=np.nan, weight_f1=np.nan),
            answer(7, "d", score_f1=0.0, weight_f1=2.0),
        ),
        ITEMS,
        split="search",
    )
    sums = table.sums(F1)
    assert sums.ratios.tolist() == [0.5]
    assert (table.clusters, sums.rows.tolist(), sums.clusters.tolist()) == (3, [3], [2])


def test_rows_of_one_image_are_one_cluster_and_rows_without_an_image_are_each_their_own():
    table = RowTable(
        predictions_of(
            *(answer(0, item, score_f1=value, weight_f1=1.0) for item, value in zip("abcd", (1, 2, 4, 8), strict=True))
        ),
        ITEMS,
        split="search",
    )
    assert sorted(table.sums(F1).scores[:, 0].tolist()) == [3.0, 4.0, 8.0]


def test_only_the_last_attempt_and_step_of_a_run_counts_and_runs_are_kept_apart():
    table = RowTable(
        predictions_of(
            answer(0, "a", attempt=0, step=9, score_f1=0.1, weight_f1=1.0),
            answer(0, "a", attempt=1, step=2, score_f1=0.2, weight_f1=1.0),
            answer(0, "a", attempt=1, step=4, score_f1=0.3, weight_f1=1.0),
            answer(0, "e", run=5, split="confirm", score_f1=0.4, weight_f1=1.0),
            answer(0, "no such item", attempt=1, score_f1=0.9, weight_f1=1.0),
        ),
        ITEMS,
        split="search",
    )
    assert table.runs == ((0, SEARCH),)
    assert table.sums(F1).ratios.tolist() == [0.3]


def test_a_score_that_is_not_recorded_by_row_is_none():
    items, predictions = made(np.random.default_rng(0))
    table = RowTable(predictions, items, split="search")
    assert table.sums("text.anls") is None
    assert table.sums(F1, slice_name="odd") is None
    assert table.metrics() == (F1,)
    assert table.slice_names() == ("even",)


def test_no_rows_at_all_make_an_empty_table():
    table = RowTable(predictions_of(answer(0, "a", score_f1=1.0, weight_f1=1.0)).iloc[:0], ITEMS, split="search")
    assert (table.runs, table.clusters, table.items) == ((), 0, 0)
    assert table.sums(F1) is None


def test_replicates_equal_those_of_a_slow_bootstrap_that_copies_rows():
    items, predictions = made(np.random.default_rng(1))
    table = RowTable(predictions, items, split="search")
    weights = cluster_weights(np.random.default_rng(2), table.clusters, replicates=20)
    fast = ratio_replicates(weights, table.sums(F1))

    merged = predictions.merge(items[["item", "image"]], on="item")
    merged["cluster"] = np.where(merged["image"] == "", "row " + merged["item"], "image " + merged["image"])
    names = sorted(merged["cluster"].unique())
    for replicate, counts in enumerate(weights):
        drawn = [name for name, times in zip(names, counts, strict=True) for _ in range(int(times))]
        copied = pd.concat([merged.loc[merged["cluster"] == name] for name in drawn])
        sums = copied.groupby("trial")[[f"score.{F1}", f"weight.{F1}"]].sum()
        assert fast[replicate] == pytest.approx((sums[f"score.{F1}"] / sums[f"weight.{F1}"]).to_numpy())


def test_every_replicate_draws_as_many_clusters_as_there_are():
    weights = cluster_weights(np.random.default_rng(3), 7, replicates=500)
    assert weights.shape == (500, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert weights.mean() == pytest.approx(1.0)
    assert weights.var() == pytest.approx(6 / 7, rel=0.1)  # a count out of 7 draws with chance 1/7


def test_a_replicate_without_a_row_that_counts_takes_the_score_of_all_rows():
    items = items_of(("search", "a", "", []), ("search", "b", "", []))
    predictions = predictions_of(
        answer(0, "a", score_f1=0.5, weight_f1=1.0), answer(0, "b", score_f1=np.nan, weight_f1=np.nan)
    )
    table = RowTable(predictions, items, split="search")
    weights = np.array([[0.0, 2.0], [2.0, 0.0]])
    assert ratio_replicates(weights, table.sums(F1)).tolist() == [[0.5], [0.5]]


def test_squared_influences_sum_to_the_variance_of_the_bootstrap():
    items, predictions = made(np.random.default_rng(4), rows=300)
    sums = RowTable(predictions, items, split="search").sums(F1)
    draws = ratio_replicates(cluster_weights(np.random.default_rng(5), len(sums.scores), replicates=4000), sums)
    assert (sums.influences**2).sum(axis=0) == pytest.approx(draws.var(axis=0), rel=0.08)


def test_deviations_spread_as_those_of_the_slow_bootstrap_and_go_together_as_they_do():
    items, predictions = made(np.random.default_rng(6), rows=200)
    sums = RowTable(predictions, items, split="search").sums(F1)
    slow = ratio_replicates(cluster_weights(np.random.default_rng(7), len(sums.scores), replicates=5000), sums)
    fast = deviation_replicates(np.random.default_rng(8), [sums], replicates=5000)[:, :, 0]
    assert fast.std(axis=0) == pytest.approx(slow.std(axis=0), rel=0.05)
    assert np.corrcoef(fast.T) == pytest.approx(np.corrcoef(slow.T), abs=0.05)
    assert abs(fast.mean()) < 0.05 * fast.std()


@pytest.mark.parametrize(("better", "chance"), [(1, 0.841), (4, 0.977)])
def test_a_difference_that_few_rows_make_is_not_certain(better, chance):
    # the error of a difference that k rows of many make is the root of k; it is k / sqrt(k) errors from 0
    items = items_of(*(("search", f"r{i}", "", []) for i in range(400)))
    cells = [
        answer(trial, f"r{i}", score_f1=float(i % 2 or (trial == 1 and i < 2 * better)), weight_f1=1.0)
        for trial in range(2)
        for i in range(400)
    ]
    sums = RowTable(predictions_of(*cells), items, split="search").sums(F1)
    draws = sums.ratios + deviation_replicates(np.random.default_rng(9), [sums], replicates=20000)[:, :, 0]
    assert (draws[:, 1] > draws[:, 0]).mean() == pytest.approx(chance, abs=0.01)


def test_runs_with_the_same_answers_deviate_alike_to_the_last_bit():
    items, predictions = made(np.random.default_rng(10), trials=1, rows=60)
    twins = pd.concat([predictions.assign(trial=trial) for trial in range(37)])
    sums = RowTable(twins, items, split="search").sums(F1)
    deviations = deviation_replicates(np.random.default_rng(11), [sums])
    assert (deviations == deviations[:, [0]]).all()


def test_a_single_cluster_has_no_deviation():
    items = items_of(("search", "a", "", []))
    sums = RowTable(predictions_of(answer(0, "a", score_f1=1.0, weight_f1=2.0)), items, split="search").sums(F1)
    assert (deviation_replicates(np.random.default_rng(12), [sums]) == 0).all()
