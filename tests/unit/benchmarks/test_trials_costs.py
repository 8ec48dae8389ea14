import pytest
from process_watch import Usage
from trials_baseline import Outcome
from trials_costs import Mark, Turn, costs_of, largest_difference, score_differences, table


def mark(number, pid, cpu_s, ended_s, *, losses=(2.0, 1.0), text_ce=1.5, score=0.5):
    metrics = {"teacher_forced.text_ce": text_ce, "teacher_forced.box_ce": 1.0, "text.token_f1": score}
    return Mark(number, pid, cpu_s, ended_s, Outcome(list(losses), metrics))


def test_a_worker_of_several_trials_is_divided_at_their_ends_and_the_last_gets_its_teardown():
    marks = [mark(0, 7, 10.0, 112.0), mark(1, 7, 14.0, 117.0)]
    first, last = costs_of(marks, {7: Usage(15.0, 600.0)}, began_s=100.0)
    assert (first.is_first, first.cpu_s, first.wall_s) == (True, 10.0, 12.0)
    assert (last.is_first, last.cpu_s, last.wall_s) == (False, 5.0, 5.0)


def test_what_was_used_after_the_last_look_is_known_from_the_mark():
    (cost,) = costs_of([mark(0, 7, 10.0, 112.0)], {7: Usage(9.9, 600.0)}, began_s=100.0)
    assert cost.cpu_s == 10.0


def test_ratios_are_given_with_and_without_what_is_paid_once():
    usages = {pid: Usage(0.0, 500.0) for pid in (7, 8, 9)}
    fresh = Turn(list(costs_of([mark(0, 7, 20.0, 20.0), mark(1, 8, 20.0, 40.0)], usages, began_s=0.0)), 1.0)
    warm = Turn(list(costs_of([mark(0, 9, 15.0, 55.0), mark(1, 9, 20.0, 60.0)], usages, began_s=40.0)), 1.0)
    lines = list(table({"fresh": [fresh], "warm": [warm]}, amortise=10))
    assert "| fresh | 2 | in each | 20.0 | 20.0 | 20.0 | 1.00 | 1.00 | 1.00 |" in lines
    # once 10, later 5: (15 + 5) / 2 = 10 in this run, 5 + 10 / 10 = 6 over ten trials
    assert "| warm | 2 | 10.0 | 5.0 | 10.0 | 6.0 | 4.00 | 2.00 | 3.33 |" in lines


def test_the_largest_difference_is_between_trials_of_one_number():
    marks = [mark(0, 7, 0, 0), mark(1, 7, 0, 0, losses=(9.0, 9.0)), mark(0, 8, 0, 0, losses=(2.0, 1.0 + 2e-6))]
    assert largest_difference(marks, tolerance=1e-5) == pytest.approx(2e-6, rel=1e-3)


@pytest.mark.parametrize("other", [{"losses": (2.0, 1.001)}, {"losses": (2.0,)}, {"text_ce": 1.6}])
def test_arms_that_train_something_else_are_refused(other):
    with pytest.raises(ValueError, match=r"differ|shorter"):
        largest_difference([mark(0, 7, 0, 0), mark(0, 8, 0, 0, **other)], tolerance=1e-5)


def test_scores_are_compared_between_trials_of_one_number():
    assert score_differences([mark(0, 7, 0, 0), mark(1, 7, 0, 0, score=0.9), mark(0, 8, 0, 0, score=0.75)]) == {
        "teacher_forced.text_ce": 0.0,
        "teacher_forced.box_ce": 0.0,
        "text.token_f1": 0.25,
    }
