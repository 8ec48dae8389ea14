import pandas as pd
import pytest

from results.pruning_audit import AUDIT_PREFIX, Audit, audit, wilson_interval


def decisions(*rows):
    return pd.DataFrame(rows, columns=["trial", "step", "reason"])


def test_only_audited_trials_that_completed_are_counted_once():
    table = decisions(
        (0, 2, ""),
        (1, 2, f"{AUDIT_PREFIX}weak"),
        (1, 4, f"{AUDIT_PREFIX}weak"),
        (2, 2, f"{AUDIT_PREFIX}weak"),
        (3, 2, f"{AUDIT_PREFIX}weak"),
        (4, 2, "weak"),
        (5, 2, None),
    )
    assert audit(table, completed=[0, 1, 2, 5], front=[0, 2]) == Audit(would_stop=2, false_stops=1)


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [(0, 10, (0.0, 0.2775)), (1, 10, (0.0179, 0.4042)), (10, 10, (0.7225, 1.0)), (50, 100, (0.4038, 0.5962))],
)
def test_the_interval_is_that_of_published_tables(successes, trials, expected):
    # Newcombe, Statistics in Medicine 17, 1998, method 3; also statsmodels' proportion_confint(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx(expected, abs=5e-5)


def test_of_nothing_the_rate_is_unknown():
    nothing = audit(decisions(), completed=[], front=[])
    assert (nothing.rate, nothing.interval) == (None, (0.0, 1.0))
