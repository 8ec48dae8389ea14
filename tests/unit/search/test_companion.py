import pytest

from search.companion import unit_score


@pytest.mark.parametrize(
    ("metric", "signed", "expected"),
    [
        ("grounding.miou", 0.25, 0.25),
        ("grounding.parse_failure_rate", -0.25, 0.75),
        ("text.perplexity", -1.0, 1.0),
        ("text.perplexity", -4.0, 0.25),
        ("text.perplexity", -1e304, 0.0),
    ],
)
def test_every_score_lies_between_the_worst_and_the_best(metric, signed, expected):
    assert unit_score(metric, signed) == pytest.approx(expected)


def test_a_larger_signed_score_is_never_worse():
    scores = [unit_score("text.perplexity", -value) for value in (100.0, 10.0, 3.0, 1.5)]
    assert scores == sorted(scores)
