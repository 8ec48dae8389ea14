"""Intervals of an exported trial's scores, against another bootstrap of the same rows."""

import numpy as np
import pytest
from made_sweep import COLUMNS as PLAIN
from made_sweep import METADATA, MIOU, baseline, complete, make_sweep
from scipy.stats import bootstrap

from results import ItemRow, PredictionRow, RecordColumns, RecordWriter, read_sweep
from search.export.intervals import intervals_of

PERPLEXITY = "text.perplexity"
COLUMNS = RecordColumns(
    params=PLAIN.params,
    objectives=PLAIN.objectives,
    metrics=(*PLAIN.metrics, PERPLEXITY),
    terms=PLAIN.terms,
    row_scores=(MIOU, PERPLEXITY, "text.bleu"),
)
IMAGES = 60


def rows_of(rng, shift):
    """Give the IoU of the one grounding row of each image, and nats and tokens of its one text row."""
    ious = np.clip(rng.normal(0.5 + shift, 0.2, IMAGES), 0, 1)
    tokens = rng.integers(2, 9, IMAGES).astype(float)
    return ious, tokens * rng.uniform(0.2, 0.8, IMAGES), tokens


@pytest.fixture
def sweep(tmp_path):
    make_sweep(tmp_path, [baseline(0.5, 0.5), complete(0.6, 0.6)], columns=COLUMNS)
    writer = RecordWriter(tmp_path, COLUMNS, METADATA)
    items = []
    for at in range(IMAGES):
        for task in ("grounding", "text"):
            image = f"image-{at}"
            items.append(ItemRow("search", f"{task}-{at}", task, "made", 0, image, 10, 10, "?", "!"))
    writer.append_items(items)
    rng, made = np.random.default_rng(3), {}
    for trial, shift in ((0, 0.0), (1, 0.1)):
        ious, nats, tokens = made[trial] = rows_of(rng, shift)
        rows = []
        for at in range(IMAGES):
            own = {"trial": trial, "run": None, "attempt": 0, "step": 40, "split": "search", "prediction": "!"}
            rows.append(PredictionRow(item=f"grounding-{at}", scores={MIOU: ious[at]}, weights={MIOU: 1.0}, **own))
            scores, weights = {PERPLEXITY: nats[at], "text.bleu": 0.5}, {PERPLEXITY: tokens[at], "text.bleu": 1.0}
            rows.append(PredictionRow(item=f"text-{at}", scores=scores, weights=weights, **own))
        writer.append_predictions(rows)
    return tmp_path, made


def test_intervals_are_those_of_another_bootstrap(sweep):
    folder, made = sweep
    found = intervals_of(folder, read_sweep(folder), 1, baseline=0)
    assert found.images == IMAGES
    ious, nats, tokens = made[1]
    expected = bootstrap((ious,), np.mean, method="percentile", rng=1).confidence_interval
    assert found.own[MIOU] == pytest.approx(tuple(expected), abs=0.006)
    ratio = bootstrap(
        (nats, tokens), lambda n, t, axis: np.exp(n.sum(axis) / t.sum(axis)), paired=True, method="percentile", rng=1
    ).confidence_interval
    assert found.own[PERPLEXITY] == pytest.approx(tuple(ratio), abs=0.01)
    gain = bootstrap((ious - made[0][0],), np.mean, method="percentile", rng=1).confidence_interval
    assert found.gains[MIOU] == pytest.approx(tuple(gain), abs=0.01)


def test_scores_of_the_whole_corpus_have_none_and_the_baseline_no_gain(sweep):
    folder, _ = sweep
    found = intervals_of(folder, read_sweep(folder), 0, baseline=0)
    assert set(found.own) == {MIOU, PERPLEXITY}
    assert not found.gains


def test_a_trial_without_answers_has_no_interval(sweep, tmp_path):
    folder, _ = sweep
    assert not intervals_of(folder, read_sweep(folder), 7, baseline=0).own
    make_sweep(tmp_path / "old", [baseline(0.5, 0.5)])
    assert not intervals_of(tmp_path / "old", read_sweep(tmp_path / "old"), 0, baseline=None).own
