"""Verdicts follow from the thresholds that stand on the page; each card is tried on either side of its thresholds."""

from dataclasses import replace

import pytest
from made_answers import add_answers
from made_sweep import MIOU, TEXT, baseline, complete, failed, make_large_sweep, pruned

from results.findings import (
    BoxScores,
    Confirmed,
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
from results.report.headline import lede
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


def trained_again(content, means, *, front):
    """Give confirmation runs of trials with these means."""
    names = [objective.name for objective in content.summary.objectives]

    def scores(trial):
        return tuple(
            Confirmed(name, 0.5, mean, None, None, None, 0.01) for name, mean in zip(names, means[trial], strict=True)
        )

    trials = tuple(
        ConfirmedTrial(trial, "search", 3, 0, scores(trial), True, trial in front, 0.9 if trial in front else 0.1, None)
        for trial in sorted(means, key=lambda one: one not in front)
    )
    return replace(confirmed(0, probability=1.0), trials=trials)


def with_shrinkage(content, shrinkage):
    return replace(content, findings=replace(content.findings, shrinkage=shrinkage))


def lede_of(content):
    again = content.confirmed(content.recommended)
    return lede(
        content.summary, content.recommended, again=again, baseline_again=content.confirmed(content.summary.baseline)
    )


def test_without_a_knee_headline_choice_and_command_name_the_trial_that_dominates_the_most(tmp_path):
    trials = [baseline(0.246, 0.486), complete(0.398, 0.762), complete(0.309, 0.764), complete(0.277, 0.794)]
    content = content_of(tmp_path, trials)
    assert content.summary.knee is None and content.recommended.trial == 1
    assert choice.card(content).answer.startswith("Take trial 1, which dominates the most by itself: ")
    assert choice.card(content).command.endswith("--trial 1 --out exported")
    assert better.card(content).answer.startswith("Trial 1 beats plain cross entropy")


def test_the_first_card_names_the_knee_where_it_is_better_in_every_objective(tmp_path):
    content = content_of(tmp_path, [baseline(0.3, 0.4), complete(0.8, 0.55), complete(0.6, 0.6), complete(0.31, 0.62)])
    knee = content.summary.knee.trial
    assert knee == 2 and content.most_area.trial == 1
    assert better.card(content).answer.startswith(f"Trial {knee} beats plain cross entropy in both objectives")


def test_a_choice_that_does_not_stay_on_the_confirmed_front_is_overruled(tmp_path):
    content = content_of(tmp_path)
    searched = content.recommended.trial
    (other,) = {1, 2} - {searched}
    again = with_shrinkage(
        content, trained_again(content, {0: (0.5, 0.6), searched: (0.45, 0.55), other: (0.55, 0.66)}, front={other})
    )
    assert (again.searched_choice.trial, again.recommended.trial) == (searched, other)
    card = choice.card(again)
    assert card.verdict == "watch"
    assert card.command.endswith(f"--trial {other} --out exported")
    assert f"Take trial {other}: trained again, it stays" in card.answer
    assert f"trial {searched}, the search's choice" in card.answer
    assert f"choice was trial {searched}" in certainty.card(again).notes[0]
    assert lede_of(again) == (
        f"Trial {other} against plain cross entropy, with 3 new seeds on rows kept back: grounding.miou 0.550 instead"
        " of 0.500, text.token_f1 0.660 instead of 0.600. It stays on the front when trained again."
    )


def test_plain_cross_entropy_can_overrule_the_choice(tmp_path):
    content = content_of(tmp_path)
    searched = content.recommended.trial
    again = with_shrinkage(content, trained_again(content, {0: (0.5, 0.6), searched: (0.45, 0.55)}, front={0}))
    assert again.recommended.trial == 0
    assert choice.card(again).answer.startswith("Keep plain cross entropy, trial 0: trained again")
    assert choice.card(again).verdict == "problem"


def test_a_choice_that_was_not_trained_again_is_not_overruled(tmp_path):
    content = content_of(tmp_path)
    (other,) = {1, 2} - {content.recommended.trial}
    again = with_shrinkage(content, trained_again(content, {0: (0.5, 0.6), other: (0.6, 0.7)}, front={other}))
    assert again.recommended.trial == content.recommended.trial
    assert lede_of(again).endswith("Not confirmed with other seeds yet.")


@pytest.mark.parametrize(
    ("means", "verdict", "words"),
    [
        ({0: (0.5, 0.6), 1: (0.6, 0.7), 2: (0.6, 0.5)}, "good", "Trained again, trial 1 beats plain cross entropy"),
        ({0: (0.5, 0.6), 1: (0.6, 0.7), 2: (0.6, 0.7)}, "good", "Trained again, trials 1 and 2 beat plain cross"),
        ({0: (0.5, 0.6), 1: (0.5, 0.7), 2: (0.6, 0.5)}, "watch", "Trained again, none of 2 trials beats plain cross"),
        ({0: (0.5, 0.6), 1: (0.5, 0.7)}, "watch", "Trained again, it does not beat plain cross entropy"),
        ({0: (0.5, 0.6)}, "good", "Trial 1 beats plain cross entropy in both objectives"),
        ({1: (0.6, 0.7)}, "good", "Trial 1 beats plain cross entropy in both objectives"),
    ],
)
def test_a_better_trade_off_has_to_be_one_when_trained_again(tmp_path, means, verdict, words):
    content = content_of(tmp_path, membership=membership(member(1, 1.0)))
    card = better.card(with_shrinkage(content, trained_again(content, means, front={1})))
    assert card.verdict == verdict
    assert card.answer.startswith(words)


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
    assert (pruning.ADVICE in card.notes) == (verdict == "problem")
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


@pytest.mark.parametrize(("rate", "words"), [(3e-4, "is 3 times"), (5e-5, "is 0.5 times"), (1.2e-4, ""), (None, "")])
def test_a_gain_that_may_be_the_learning_rates_is_told(tmp_path, rate, words):
    trials = [
        baseline(0.5, 0.6, params={"optimizer.learning_rate": 1e-4}),
        complete(0.6, 0.7, params={"optimizer.learning_rate": rate}),
    ]
    notes = [note for note in choice.card(content_of(tmp_path, trials)).notes if "learning rate" in note]
    assert [words in note for note in notes] == ([True] if words else [])


def test_importance_over_the_trade_off_has_a_line_for_each_parameter_that_every_trial_drew(tmp_path):
    parameters = (
        ParameterImportance("adapter.rank", (0.6, 0.2), 0.5, (0.2, 0.4, 0.6)),
        ParameterImportance("optimizer.learning_rate", (0.4, 0.5), 0.3, (0.8, 0.6, 0.4)),
        ParameterImportance("mixture.ntl_was.weight", (0.0, 0.3), 0.2, ()),
    )
    found = Importance((MIOU, TEXT), (0.0, 0.5, 1.0), parameters, 30, 0, False, ())
    card = mattered.card(content_of(tmp_path, importance=found))
    bars, lines = card.figures
    assert (bars.name, lines.name) == ("importance", "trade-off")
    assert [words for _, _, words in lines.drawn_key] == ["optimizer.learning_rate", "adapter.rank"]
    assert lines.svg.count('<path class="line') == 2
    assert "optimizer.learning_rate 80% to 40%" in lines.svg
    assert len(mattered.card(content_of(tmp_path / "one", importance=replace(found, weights=()))).figures) == 1


def test_real_replicates_reach_the_cards(tmp_path):
    folder = add_answers(make_large_sweep(tmp_path, USUAL), rows=120, confirmed=[0, 1, 2])
    content = read_content(folder)
    card = certainty.card(content)
    assert content.findings.membership is not None
    assert "1,000 replicates over 60 images" in " ".join(card.notes)
    assert card.answer.startswith(f"Trained again in 3 runs, trial {content.recommended.trial} ")
    assert len(card.tables[0].rows) == 6
