"""Verdicts follow from the thresholds that stand on the page; each card is tried on either side of its thresholds."""

from dataclasses import replace

import pytest
from made_answers import add_answers
from made_sweep import MIOU, TEXT, baseline, complete, failed, make_large_sweep, pruned

from results.findings import (
    BoxScores,
    ConfirmedTrial,
    Importance,
    Interval,
    KneeFrequency,
    Member,
    Membership,
    ParameterImportance,
    RungCrossing,
    Shrinkage,
    SliceComparison,
    SliceScore,
)
from results.pruning_audit import Audit
from results.report.cards import better, boxes, certainty, choice, cost, failures, mattered, progress, pruning, slices
from results.report.write import read_content

USUAL = [baseline(0.50, 0.60), complete(0.60, 0.65), complete(0.55, 0.70), complete(0.65, 0.50), pruned(20, 0.1, 0.1)]


def content_of(folder, trials=USUAL, **findings):
    content = read_content(make_large_sweep(folder, trials))
    return replace(content, findings=replace(content.findings, **findings))


def member(trial, probability, *, on_front=True):
    return Member(trial, on_front, probability, (0.5, 0.5), (0.5, 0.5), (Interval(0, 0.5, 1),) * 2)


def membership(*members):
    return Membership(members, 1.0)


@pytest.mark.parametrize(("probability", "verdict"), [(0.05, "good"), (0.06, "watch"), (0.9, "watch"), (None, "watch")])
def test_a_better_trade_off_is_sure_if_the_baseline_is_hardly_ever_on_the_front(tmp_path, probability, verdict):
    known = None if probability is None else membership(member(1, 0.9), member(0, probability, on_front=False))
    assert better.card(content_of(tmp_path, membership=known)).verdict == verdict


def test_a_baseline_that_is_far_from_the_front_is_surely_beaten(tmp_path):
    assert better.card(content_of(tmp_path, membership=membership(member(1, 1.0)))).verdict == "good"


@pytest.mark.parametrize("trials", [[], [failed()], [complete(0.5, 0.5)], [baseline(0.5, 0.6), complete(0.6, 0.5)]])
def test_without_a_trial_that_is_better_in_all_there_is_a_problem(tmp_path, trials):
    assert better.card(content_of(tmp_path, trials)).verdict == "problem"


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "good"), (0.49, "watch")])
def test_a_choice_is_steady_if_half_of_the_replicates_make_it(tmp_path, share, verdict):
    content = content_of(tmp_path)
    knee = content.summary.knee.trial
    card = choice.card(replace(content, findings=replace(content.findings, knee=KneeFrequency(knee, share, (), 0))))
    assert card.verdict == verdict
    assert card.command == f"paretune export {tmp_path} --trial {knee} --out exported"


@pytest.mark.parametrize("other", [[], [complete(0.4, 0.5)], [complete(0.5, 0.6), complete(0.5, 0.6)]])
def test_what_only_equals_the_baseline_is_not_recommended(tmp_path, other):
    content = content_of(tmp_path, [baseline(0.5, 0.6), *other])
    assert content.recommended.trial == 0
    assert choice.card(content).verdict == "problem"


@pytest.mark.parametrize("trials", [[], [baseline(0.5, 0.6)], [baseline(0.5, 0.6), complete(0.4, 0.5)]])
def test_the_baseline_is_no_choice(tmp_path, trials):
    assert choice.card(content_of(tmp_path, trials)).verdict == "problem"


def confirmed(trial, *, probability, on_front=True, runs=3):
    return Shrinkage(
        trials=(ConfirmedTrial(trial, "search", runs, 0, (), True, on_front, probability, None),),
        mean_shrinkage=(0.0, 0.0),
        search_hypervolume=None,
        confirm_hypervolume=None,
        confirm_interval=None,
        optimistic=(),
        pessimistic=(),
        caveats=(),
    )


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        ({"probability": 0.8}, "good"),
        ({"probability": None}, "good"),
        ({"probability": 0.79}, "watch"),
        ({"probability": 0.9, "runs": 1}, "watch"),
        ({"probability": 0.1, "on_front": False}, "problem"),
    ],
)
def test_only_a_confirmed_trial_is_certain(tmp_path, settings, verdict):
    content = content_of(tmp_path)
    again = confirmed(content.recommended.trial, **settings)
    card = certainty.card(replace(content, findings=replace(content.findings, shrinkage=again)))
    assert card.verdict == verdict
    assert card.command == ""


@pytest.mark.parametrize(("undecided", "verdict"), [(1, "watch"), (2, "problem")])
def test_a_front_that_is_mostly_undecided_is_a_problem(tmp_path, undecided, verdict):
    members = [member(number, 0.5 if number <= undecided else 0.9) for number in (1, 2, 3)]
    card = certainty.card(content_of(tmp_path, membership=membership(*members)))
    assert card.verdict == verdict
    assert card.command == f"paretune confirm {tmp_path}"


@pytest.mark.parametrize(
    ("failures_rate", "duplicates", "warnings", "verdict"),
    [
        (0.1, 0.1, (), "good"),
        (0.11, 0.0, (), "watch"),
        (0.0, 0.11, (), "watch"),
        (0.0, None, (), "good"),
        (0.0, 0.0, ("its boxes are all alike",), "watch"),
    ],
)
def test_box_scores_are_doubted_above_a_tenth(tmp_path, failures_rate, duplicates, warnings, verdict):
    content = content_of(tmp_path)
    own = BoxScores(content.recommended.trial, {MIOU: 0.6}, {MIOU: 0.17}, failures_rate, duplicates, warnings)
    card = boxes.card(replace(content, findings=replace(content.findings, box_scores=(own,))))
    assert card.verdict == verdict
    assert f"{failures_rate:.1%} of its answers hold no box" in card.answer
    assert all(warning in " ".join(card.notes) for warning in warnings)


def test_boxes_no_better_than_a_constant_one_are_a_problem(tmp_path):
    trials = [baseline(0.10, 0.5), complete(0.16, 0.6)]
    assert boxes.card(content_of(tmp_path, trials)).verdict == "problem"


def slice_score(trial, *, middle, stands_out, score=MIOU):
    difference = Interval(middle - 0.1, middle, middle + 0.1)
    return SliceScore(trial, "size_small", score, 30, 20, 0.5, 0.5, difference, stands_out)


@pytest.mark.parametrize(
    ("middle", "stands_out", "verdict"), [(-0.2, True, "problem"), (-0.2, False, "good"), (0.2, True, "good")]
)
def test_a_part_of_the_rows_that_is_clearly_worse_is_a_problem(tmp_path, middle, stands_out, verdict):
    content = content_of(tmp_path)
    one = slice_score(content.recommended.trial, middle=middle, stands_out=stands_out)
    found = SliceComparison((one,), 1, 0.05, ())
    assert slices.card(replace(content, findings=replace(content.findings, slices=found))).verdict == verdict


@pytest.mark.parametrize(("anecdote", "verdict"), [(False, "good"), (True, "watch")])
def test_importance_from_few_trials_is_an_anecdote(tmp_path, anecdote, verdict):
    rank = ParameterImportance("adapter.rank", (0.7, 0.2), 0.5, ())
    rate = ParameterImportance("optimizer.learning_rate", (0.3, 0.8), 0.5, ())
    found = Importance((MIOU, TEXT), (), (rank, rate), 30, 0, anecdote, ())
    card = mattered.card(content_of(tmp_path, importance=found))
    assert card.verdict == verdict
    assert "adapter.rank for grounding.miou (70% of what is explained)" in card.answer
    assert "optimizer.learning_rate for text.token_f1 (80%" in card.answer


def test_unknown_importance_is_a_problem_with_its_reason(tmp_path):
    card = mattered.card(content_of(tmp_path, unknown={"importance": "only 2 trials completed"}))
    assert card.verdict == "problem"
    assert "Which settings mattered cannot be told: only 2 trials completed." in card.notes


def test_a_search_that_still_gained_in_its_last_quarter_goes_on(tmp_path):
    flat = [baseline(0.5, 0.6), complete(0.7, 0.7), *(complete(0.5, 0.5) for _ in range(8))]
    assert progress.card(content_of(tmp_path / "flat", flat)).verdict == "good"
    rising = [*flat, complete(0.8, 0.8)]
    assert progress.card(content_of(tmp_path / "rising", rising)).verdict == "watch"
    assert progress.card(content_of(tmp_path / "few", flat[:4])).verdict == "watch"
    assert progress.card(content_of(tmp_path / "none", [complete(0.5, 0.5)])).verdict == "problem"


@pytest.mark.parametrize(
    ("audit", "tau", "verdict"),
    [
        (Audit(10, 1), 0.5, "good"),
        (Audit(10, 2), 0.5, "problem"),
        (Audit(4, 0), 0.5, "watch"),
        (Audit(10, 0), 0.29, "problem"),
        (Audit(0, 0), None, "watch"),
    ],
)
def test_pruning_is_fair_if_few_of_those_who_ran_on_ended_on_the_front(tmp_path, audit, tau, verdict):
    content = content_of(tmp_path)
    crossing = (RungCrossing(20, MIOU, tau, 4),)
    found = replace(content.findings.pruning, audit=audit, crossing=crossing)
    card = pruning.card(replace(content, findings=replace(content.findings, pruning=found)))
    assert card.verdict == verdict


def test_where_nothing_was_pruned_nothing_was_lost(tmp_path):
    assert pruning.card(content_of(tmp_path, USUAL[:4])).verdict == "good"


@pytest.mark.parametrize(("steps", "verdict"), [(0, "good"), (10, "watch"), (40, "problem")])
def test_time_lost_to_failures_counts(tmp_path, steps, verdict):
    card = cost.card(content_of(tmp_path, [baseline(0.5, 0.6), complete(0.6, 0.5), failed(stopped_at=steps)]))
    assert card.verdict == verdict


def test_the_baseline_failing_is_a_problem_and_few_others_are_not(tmp_path):
    many = [complete(0.5, 0.5) for _ in range(20)]
    verdicts = {
        "none": (many, "good"),
        "few": ([*many, failed()], "watch"),
        "many": ([*many, *(failed() for _ in range(5))], "problem"),
        "baseline": ([*many, failed(role="baseline")], "problem"),
    }
    for name, (trials, verdict) in verdicts.items():
        assert failures.card(content_of(tmp_path / name, trials)).verdict == verdict


def test_failures_are_grouped_by_kind_with_what_sets_them_apart(tmp_path):
    rates = [1e-4, 2e-4, 3e-4, 4e-4, 5e-4]
    usual = [complete(0.5, 0.5, params={"optimizer.learning_rate": rate}) for rate in rates]
    lost = [failed(f"diverged: at step {n}", params={"optimizer.learning_rate": 0.01 + n / 1e3}) for n in range(3)]
    card = failures.card(content_of(tmp_path, [*usual, *lost, failed(params={"optimizer.learning_rate": 0.02})]))
    assert card.answer == "4 of 9 ended trials failed: 3 diverged, 1 out of memory."
    assert [row[0].text for row in card.tables[0].rows] == ["diverged", "out of memory"]
    (note,) = card.notes
    assert note.startswith("All failed trials have optimizer.learning_rate at least 0.01, and so have 0% of the others")


def test_real_replicates_reach_the_cards(tmp_path):
    folder = add_answers(make_large_sweep(tmp_path, USUAL), rows=120, confirmed=[0, 1, 2])
    content = read_content(folder)
    card = certainty.card(content)
    assert content.findings.membership is not None
    assert "1,000 replicates over 60 images" in " ".join(card.notes)
    assert card.answer.startswith(f"Trained again in 3 runs, trial {content.recommended.trial} ")
    assert len(card.tables[0].rows) == 6
