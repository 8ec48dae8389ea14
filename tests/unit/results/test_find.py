from dataclasses import replace

import numpy as np
import pytest
from made_sweep import baseline, complete, failed, make_sweep, pruned
from made_truth import known_sweep

from results import Objective, read_items, read_predictions, read_sweep
from results.find import find, read_rows
from results.replicates import MOST_CONTENDERS, contenders
from results.summary import summarise

TRUTH = np.array([[0.4, 0.4], [0.6, 0.42], [0.42, 0.6], [0.3, 0.3], [0.55, 0.5]])


def sweep_of(**settings):
    return known_sweep(TRUTH, rows=60, rng=np.random.default_rng(0), **{"confirmed": {1: 2, 2: 2}, **settings})


def found_in(sweep, predictions=None, **settings):
    rows = sweep.predictions if predictions is None else predictions
    return find(summarise(sweep.tables), sweep.tables, sweep.items, rows, **settings)


def test_everything_is_found_in_a_full_record():
    found = found_in(sweep_of())
    assert set(found.unknown) == {"importance", "front_stops", "crossing"}
    for name in ("evidence", "membership", "hypervolume", "attainment", "knee", "strategies", "slices", "shrinkage"):
        assert getattr(found, name) is not None
    assert found.evidence.clusters == 60  # two objectives of 60 rows, two rows to an image
    assert found.evidence.rows == 120
    assert found.evidence.seed_settings == 2


def test_the_same_record_gives_the_same_findings_and_another_seed_others():
    first, again = found_in(sweep_of()), found_in(sweep_of())
    assert first == again
    other = found_in(sweep_of(metadata={"spec": '{"search": {"seed": 5}}'}))
    assert other.hypervolume != first.hypervolume


def test_reasons_that_are_given_are_passed_on():
    found = found_in(sweep_of(), importance="the spec cannot be read", front_stops="no rung")
    assert found.unknown["importance"] == "the spec cannot be read"
    assert found.unknown["front_stops"] == "no rung"


def test_without_predictions_what_needs_them_is_unknown_and_the_rest_is_there():
    sweep = sweep_of()
    found = found_in(sweep, sweep.predictions.iloc[:0])
    assert {"membership", "hypervolume", "attainment", "knee", "slices"} <= set(found.unknown)
    assert "no predictions" in found.unknown["membership"]
    assert found.membership is None
    assert found.preferences[0].trial is not None
    assert found.preferences[0].share is None
    assert found.shrinkage is not None


def test_a_front_member_without_predictions_makes_membership_unknown_and_another_trial_is_left_out():
    sweep = sweep_of()
    found = found_in(sweep, sweep.predictions.loc[sweep.predictions["trial"] != 1])
    assert "trial 1" in found.unknown["membership"]
    found = found_in(sweep, sweep.predictions.loc[sweep.predictions["trial"] != 3])
    assert 3 not in found.evidence.contenders
    assert any("left no predictions" in note for note in found.evidence.notes)


def test_an_objective_that_is_not_recorded_by_row_is_named():
    sweep = sweep_of()
    found = found_in(sweep, sweep.predictions.drop(columns="score.text.token_f1"))
    assert found.unknown["membership"].startswith("text.token_f1 is not recorded by row")


def test_one_objective_has_membership_and_no_knee():
    sweep = known_sweep(
        TRUTH[:, :1], rows=60, rng=np.random.default_rng(0), objectives=(Objective("grounding.miou", "maximize", 0, 1),)
    )
    found = found_in(sweep)
    assert found.membership.members[0].trial == 1
    assert "two objectives" in found.unknown["knee"]
    assert "there is one" in found.unknown["attainment"]
    assert found.hypervolume.final.low <= found.hypervolume.final.high
    assert found.preferences == ()


def test_three_objectives_have_a_band_and_no_surfaces():
    objectives = tuple(Objective(f"text.{name}", "maximize", 0, 1) for name in ("anls", "token_f1", "rouge_l"))
    truth = np.random.default_rng(1).uniform(0.3, 0.7, (8, 3))
    found = found_in(known_sweep(truth, rows=40, rng=np.random.default_rng(0), objectives=objectives))
    assert "there are 3" in found.unknown["attainment"]
    assert len(found.membership.members[0].corrected) == 3
    assert found.hypervolume.final.low <= found.hypervolume.final.high


def test_perplexity_is_resampled_as_nats():
    sweep = known_sweep(
        np.array([[0.4, 1.5], [0.6, 1.2], [0.5, 0.9]]),
        rows=60,
        rng=np.random.default_rng(0),
        spread=0.05,
        objectives=(Objective("grounding.miou", "maximize", 0, 1), Objective("text.perplexity", "minimize", 1, None)),
    )
    trials = sweep.tables.trials
    perplexity = np.exp(trials["value.text.perplexity"])
    found = found_in(
        replace(sweep, tables=replace(sweep.tables, trials=trials.assign(**{"value.text.perplexity": perplexity})))
    )
    member = found.membership.of(2)
    assert member.recorded[1] == pytest.approx(perplexity[2])
    assert member.intervals[1].low < perplexity[2] < member.intervals[1].high
    assert member.probability == pytest.approx(1.0, abs=0.02)


def test_contenders_are_the_nearest_and_all_that_ever_were_on_the_front():
    rng = np.random.default_rng(2)
    truth = np.vstack([[[0.4, 0.4], [0.45, 0.45], [0.5, 0.5]], rng.uniform(0.6, 0.9, (400, 2))])
    summary = summarise(known_sweep(truth, rows=2, rng=rng, spread=0.0).tables)
    found = contenders(summary)
    assert {0, 1, 2} <= set(found)
    assert {trial.trial for trial in summary.front} <= set(found)
    assert MOST_CONTENDERS <= len(found) <= MOST_CONTENDERS + 30


@pytest.mark.parametrize(
    "trials",
    [[], [failed()], [pruned(10, 0.1, 0.1)], [baseline(0.2, 0.2)], [complete(0.2, 0.3)], [baseline(0.3, float("nan"))]],
)
def test_a_folder_with_hardly_anything_has_reasons(tmp_path, trials):
    tables = read_sweep(make_sweep(tmp_path, trials))
    summary = summarise(tables)
    found = find(summary, tables, read_items(tmp_path), read_predictions(tmp_path))
    assert "membership" in found.unknown
    assert all(found.unknown.values())
    items, predictions = read_rows(tmp_path, summary, tables)
    assert (len(items), len(predictions)) == (0, 0)


def test_a_crowd_that_is_too_large_to_resample_is_said_to_be():
    rng = np.random.default_rng(3)
    crowd = known_sweep(rng.uniform(0.5, 0.51, (300, 2)), rows=8, rng=rng)
    assert any("more trials within 3 standard errors" in note for note in found_in(crowd).evidence.notes)
    apart = rng.uniform(0.1, 0.5, (300, 2))
    apart[:3] = [[0.9, 0.8], [0.8, 0.9], [0.85, 0.85]]
    clear = known_sweep(apart, rows=8, rng=rng, spread=0.01)
    assert not any("standard errors" in note for note in found_in(clear).evidence.notes)
